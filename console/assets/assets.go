// Package assets serves the styles, scripts and images of the console.
package assets

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/tdewolff/minify/v2"
	"github.com/tdewolff/minify/v2/css"
	"github.com/tdewolff/minify/v2/js"

	"github.com/penstock/penstock/internal/gzipped"
)

//go:embed *.css *.js *.svg vendor build
var files embed.FS

// asset is one embedded file as it is served, and its compressed form.
type asset struct {
	mediaType string // media type
	source    []byte // as it was written
	plain     []byte // without what only its readers need
	gzipped   []byte
	version   string // first 12 hexadecimal digits of the content's SHA-256
}

// Assets serves the files. They do not change while the process lives, so that
// browsers may cache each version for ever.
type Assets struct {
	root   string // path below which the files are served, with a slash at its end
	byName map[string]*asset
}

// assetKinds maps the file name extensions that are served to their media types. Read only.
var assetKinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// Load returns the files as they are served below the path root, which ends in a slash. layered.css is console.css as the layer
// console, for pages with another interface on them: each style outside of a layer counts more.
func Load(root string) (*Assets, error) {
	byName, err := compress()
	if err != nil {
		return nil, fmt.Errorf("load assets: %w", err)
	}
	return &Assets{root, byName}, nil
}

// compress returns the files by their names, compressed once in a process. Its map is not changed.
var compress = sync.OnceValues(func() (map[string]*asset, error) {
	byName := map[string]*asset{}
	var module []byte
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		_, served := assetKinds[path.Ext(name)]
		if err != nil || entry.IsDir() || !served {
			return err
		}
		plain, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		if strings.HasPrefix(name, moduleDir) {
			module = append(module, plain...)
			return nil
		}
		byName[name], err = newAsset(name, plain)
		return err
	})
	if err != nil {
		return nil, err
	}
	layered := slices.Concat([]byte("@layer console {\n"), byName["console.css"].source, []byte("}\n"))
	for name, source := range map[string][]byte{"build.js": module, "layered.css": layered} {
		if byName[name], err = newAsset(name, source); err != nil {
			return nil, err
		}
	}
	return byName, addTexts(byName)
})

// moduleDir has the parts of the module of the Build view. They are served as one file, build.js, in the order of their names: one
// request, and one version.
const moduleDir = "build/"

// newAsset returns a file of ours as it is served: without comments and spaces, and with short names of local variables. Those of
// others, in vendor, are served as they are.
func newAsset(name string, source []byte) (*asset, error) {
	kind, plain := path.Ext(name), source
	if minifier := minifiers[kind]; minifier != nil && !strings.HasPrefix(name, "vendor/") {
		var b bytes.Buffer
		if err := minifier.Minify(nil, &b, bytes.NewReader(source), nil); err != nil {
			return nil, fmt.Errorf("minify %s: %w", name, err)
		}
		plain = b.Bytes()
	}
	sum := sha256.Sum256(plain)
	return &asset{assetKinds[kind], source, plain, gzipped.Best(plain), hex.EncodeToString(sum[:6])}, nil
}

// minifiers are those of the extensions of files. Read only.
var minifiers = map[string]minify.Minifier{".css": &css.Minifier{}, ".js": &js.Minifier{}}

// URL returns the URL of a file, with its version.
func (a *Assets) URL(name string) string {
	version := ""
	if file := a.byName[name]; file != nil {
		version = file.version
	}
	return a.root + name + "?v=" + version
}

// ServeHTTP serves the file named by the path value file; 404 if there is none.
func (a *Assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file := a.byName[r.PathValue("file")]
	if file == nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", file.mediaType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == file.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		_, _ = w.Write(file.gzipped) // an error means that the browser has disconnected
		return
	}
	_, _ = w.Write(file.plain)
}
