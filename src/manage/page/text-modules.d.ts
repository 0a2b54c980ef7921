/** Files that are imported `with { type: 'text' }`: the module's default is their text. */
declare module '*.css' {
  const text: string;
  export default text;
}
declare module '*.svg' {
  const text: string;
  export default text;
}
declare module '*/browser/make.js' {
  const text: string;
  export default text;
}
declare module '*/browser/origins.js' {
  const text: string;
  export default text;
}
declare module '*/browser/script.js' {
  const text: string;
  export default text;
}
declare module '*/browser/rows.js' {
  const text: string;
  export default text;
}
declare module '*/browser/rules.js' {
  const text: string;
  export default text;
}
declare module '*/browser/snippets.js' {
  const text: string;
  export default text;
}
declare module '*/browser/chart.js' {
  const text: string;
  export default text;
}
