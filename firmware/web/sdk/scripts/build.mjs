// Makes the files the box serves: causeway.js, one ES module, and button.js, the element with the SDK in it, a script that
// works with and without type="module"; the types of both; and button.js.gz, which is what browsers take.
// Usage: node scripts/build.mjs [folder], dist when none is named.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = join(root, process.argv[2] ?? 'dist');
const types = join(root, 'build');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const banner = `// Causeway SDK ${version}. SPDX-License-Identifier: Apache-2.0 OR MIT\n`;

const run = (tool, ...args) => execFileSync(join(root, 'node_modules', '.bin', tool), args, { cwd: root, stdio: 'inherit' });

rmSync(types, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
run('tsc', '--project', 'tsconfig.json');
const bundle = join(types, 'causeway.js');
const bundling = ['--bundle', '--target=es2022', '--charset=utf8', '--legal-comments=none', '--log-level=warning'];
run('esbuild', 'src/index.ts', ...bundling, '--format=esm', `--outfile=${bundle}`);
const button = join(types, 'button.js');
// Where the script came from is what the element finds out; a script that is no module has no import.meta.
run('esbuild', 'src/button/index.ts', ...bundling, '--format=iife', '--minify', '--define:import.meta.url=""', `--outfile=${button}`);
writeFileSync(join(out, 'causeway.js'), banner + readFileSync(bundle, 'utf8'));
writeFileSync(join(out, 'causeway.d.ts'), banner + declarations());
const script = banner + readFileSync(button, 'utf8');
writeFileSync(join(out, 'button.js'), script);
writeFileSync(join(out, 'button.js.gz'), gzipSync(script, { level: 9 }));
writeFileSync(join(out, 'button.d.ts'), banner + readFileSync(join(types, 'button', 'types.d.ts'), 'utf8').replace(/'\.\.\/\w+'/g, "'./causeway'"));

// Every module's declarations one after the other; only what index.ts exports stays exported.
function declarations() {
  const parts = [];
  for (const file of readdirSync(types).filter((f) => f.endsWith('.d.ts') && f !== 'index.d.ts').sort()) {
    const text = readFileSync(join(types, file), 'utf8')
      .replace(/^import [^;]*;\n/gm, '')
      .replace(/^export \{\};\n/gm, '')
      .replace(/^export (declare )?(?=(abstract )?(class|const|function))/gm, 'declare ')
      .replace(/^export (?=(type|interface))/gm, '');
    parts.push(text.trim());
  }
  const index = readFileSync(join(types, 'index.d.ts'), 'utf8').replace(/ from '[^']*'| from "[^"]*"/g, '');
  return `${parts.filter(Boolean).join('\n\n')}\n\n${index.replace(/^\/\*\*.*\*\/\n/, '')}`;
}
