/// <reference types="vite/client" />
/** What `.env.local` sets: see `.env.example`. */
interface ImportMetaEnv {
  readonly VITE_EDGE_URL: string;
  readonly VITE_API_KEY: string;
}
