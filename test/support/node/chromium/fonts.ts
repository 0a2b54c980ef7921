/**
 * Fonts for the packaged Chromium. Without any font, Chromium crashes on the first page that draws
 * text. The package brings a font, but its fontconfig file looks for it in folders of AWS Lambda, so
 * the browser gets a file of ours.
 */

import { randomUUID } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Folders of the system's fonts. fontconfig skips those that are missing. */
const systemFolders = ['/usr/share/fonts', '/usr/local/share/fonts'];

/**
 * Writes the configuration for a browser that was unpacked into `folder`, and returns its path. It
 * lists the unpacked fonts first, then the system's.
 */
export async function writeFontConfiguration(folder: string): Promise<string> {
  const path = join(folder, 'fonts.conf');
  // Another process may be reading the file, so it is replaced as a whole.
  const unfinished = `${path}-${randomUUID()}`;
  await writeFile(unfinished, fontConfiguration(folder));
  await rename(unfinished, path);
  return path;
}

function fontConfiguration(folder: string): string {
  const folders = [join(folder, 'fonts/fonts'), ...systemFolders];
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
${folders.map((path) => `  <dir>${escapeXml(path)}</dir>`).join('\n')}
  <cachedir>${escapeXml(join(folder, 'fonts-cache'))}</cachedir>
  <!-- The packaged font comes first, so that pictures of a page look the same on every machine. -->
  <alias binding="same"><family>sans-serif</family><prefer><family>Open Sans</family></prefer></alias>
  <alias binding="same"><family>system-ui</family><prefer><family>Open Sans</family></prefer></alias>
</fontconfig>
`;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
