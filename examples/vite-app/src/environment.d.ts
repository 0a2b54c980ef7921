/// <reference types="vite/client" />
/** The variables of `.env.local`: see `.env.example`. */
interface ImportMetaEnv {
  readonly VITE_EDGE_URL: string;
  readonly VITE_API_KEY: string;
}
