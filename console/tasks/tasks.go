// Package tasks serves asynqmon, the web interface of asynq, for the console: behind its session, without the payloads of other programs.
package tasks

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"

	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/httprecorder"
)

// UI is asynqmon, which has no authentication of its own: one instance for users who may only read, one for those who may write. Safe
// for concurrent use.
type UI struct {
	root                string
	readOnly, readWrite http.Handler
	scripts             []string // paths of asynqmon's scripts, in the order in which they run
	packed              packedFiles
}

// Answer is a complete response.
type Answer struct {
	Status int
	Kind   string // media type
	Body   []byte
	Packed []byte // Body in gzip, of static files; nil: it would hardly be shorter
	Static bool   // the response may be cached: its path changes with its content
	Page   bool   // the path is that of a page of asynqmon: the caller renders it, with Scripts
}

// sharedClient lets asynqmon use the client of its caller. asynqmon is never closed, so that the client stays open.
type sharedClient struct{ redis.UniversalClient }

// MakeRedisClient implements asynq.RedisConnOpt.
func (s sharedClient) MakeRedisClient() any { return s.UniversalClient }

// New returns asynqmon below the path root, without a slash at its end. The client is not closed.
func New(root string, client redis.UniversalClient) (*UI, error) {
	options := asynqmon.Options{RootPath: root, RedisConnOpt: sharedClient{client}, PayloadFormatter: asynqmon.PayloadFormatterFunc(showPayload),
		ResultFormatter: asynqmon.ResultFormatterFunc(showResult)}
	ui := &UI{root: root, readWrite: asynqmon.New(options)}
	options.ReadOnly = true
	ui.readOnly = asynqmon.New(options)
	return ui, ui.findScripts()
}

// findScripts reads the names of asynqmon's scripts from its manifest.
func (ui *UI) findScripts() error {
	r, err := http.NewRequest(http.MethodGet, ui.root+"/asset-manifest.json", nil)
	if err != nil {
		return fmt.Errorf("find scripts of asynqmon: %w", err)
	}
	answer := httprecorder.New(math.MaxInt)
	ui.readOnly.ServeHTTP(answer, r)
	var manifest struct{ Entrypoints []string }
	if err := json.Unmarshal(answer.Body.Bytes(), &manifest); err != nil || len(manifest.Entrypoints) == 0 {
		return fmt.Errorf("find scripts of asynqmon: its manifest names none: %w", err)
	}
	for _, name := range manifest.Entrypoints {
		ui.scripts = append(ui.scripts, ui.root+"/"+name)
	}
	return nil
}

// Scripts returns the paths of asynqmon's scripts, in the order in which a page loads them.
func (ui *UI) Scripts() []string { return ui.scripts }

// AsksRedis reports whether a request is for the INFO of Redis, which has its address and configuration.
func AsksRedis(r *http.Request) bool { return strings.Contains(r.URL.Path, "/api/redis_info") }

// Serve answers a request below the root. acts: the user may change queues and tasks. All of asynqmon's pages are one: Serve leaves it
// to the caller.
func (ui *UI) Serve(r *http.Request, acts bool) Answer {
	path := strings.TrimPrefix(r.URL.Path, ui.root)
	api, static := strings.HasPrefix(path, "/api/"), strings.HasPrefix(path, "/static/")
	if !api && !static {
		return Answer{Status: http.StatusOK, Page: true}
	}
	if file, known := ui.packed.find(path); static && known {
		return file
	}
	handler := ui.readOnly
	if acts {
		handler = ui.readWrite
	}
	answer := httprecorder.New(math.MaxInt)
	handler.ServeHTTP(answer, r)
	kind := answer.Header().Get("Content-Type")
	switch {
	case kind == "":
		kind = http.DetectContentType(answer.Body.Bytes())
	case static && strings.HasPrefix(kind, "text/html"): // asynqmon answers with its page where there is no file
		return Answer{Status: http.StatusNotFound, Kind: "text/plain; charset=utf-8", Body: []byte("asynqmon has no such file\n")}
	}
	found := Answer{Status: cmp.Or(answer.Status, http.StatusOK), Kind: kind, Body: answer.Body.Bytes(), Static: static}
	if static && found.Status == http.StatusOK {
		ui.packed.keep(path, &found)
	}
	return found
}
