// Fails unless dist/ is what the sources make, and unless its declarations stand on their own.

import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const root = fileURLToPath(new URL('..', import.meta.url));
const fresh = 'build-check';
let failed = false;
try {
  execFileSync(process.execPath, [join(root, 'scripts', 'build.mjs'), fresh], { cwd: root, stdio: 'inherit' });
  for (const file of ['causeway.js', 'causeway.d.ts', 'button.js', 'button.d.ts']) {
    const [committed, built] = ['dist', fresh].map((folder) => readFileSync(join(root, folder, file), 'utf8'));
    if (committed !== built) {
      console.error(`dist/${file} is not what the sources make: run "npm run build"`);
      failed = true;
    }
  }
  // Another zlib may pack it otherwise: what it unpacks to is what counts.
  const packed = gunzipSync(readFileSync(join(root, 'dist', 'button.js.gz'))).toString();
  if (packed !== readFileSync(join(root, 'dist', 'button.js'), 'utf8')) {
    console.error('dist/button.js.gz is not dist/button.js: run "npm run build"');
    failed = true;
  }
  execFileSync(join(root, 'node_modules', '.bin', 'tsc'),
    ['--noEmit', '--strict', '--lib', 'ES2022,DOM', '--types', '', '--ignoreConfig', join(fresh, 'causeway.d.ts'), join(fresh, 'button.d.ts')],
    { cwd: root, stdio: 'inherit' });
} catch (error) {
  console.error(error.message);
  failed = true;
} finally {
  rmSync(join(root, fresh), { recursive: true, force: true });
  rmSync(join(root, 'build'), { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
