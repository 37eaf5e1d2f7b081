package console

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"

	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/auth"
)

// queuesUI is asynqmon behind the console's session: one for those who may
// only look, one for those who may act. It has no authentication of its own.
type queuesUI struct{ looking, acting http.Handler }

// sharedClient gives asynqmon the console's connection to Redis. It is never
// told to close it.
type sharedClient struct{ redis.UniversalClient }

// MakeRedisClient implements asynq.RedisConnOpt.
func (s sharedClient) MakeRedisClient() any { return s.UniversalClient }

func newQueuesUI(client redis.UniversalClient) queuesUI {
	options := asynqmon.Options{RootPath: Root + "/queues", RedisConnOpt: sharedClient{client}}
	acting := asynqmon.New(options)
	options.ReadOnly = true
	return queuesUI{looking: asynqmon.New(options), acting: acting}
}

// queuesPage answers what asynqmon's page asks for. Its own files may be kept.
func queuesPage(x *exchange) error {
	ui := x.console.queues.looking
	switch {
	case x.may(auth.ScopeWriteQueues):
		ui = x.console.queues.acting
	case strings.Contains(x.r.URL.Path, "/api/redis_info"):
		return errForbidden // it says where Redis runs and how it is set up
	}
	answer := heldAnswer{header: http.Header{}, status: http.StatusOK}
	ui.ServeHTTP(&answer, x.r)
	h, body := x.w.Header(), answer.body.Bytes()
	kind := answer.header.Get("Content-Type")
	if kind == "" {
		kind = http.DetectContentType(body)
	}
	h.Set("Content-Type", kind)
	switch {
	case strings.HasPrefix(x.r.URL.Path, Root+"/queues/static/"):
		h.Set("Cache-Control", "private, max-age=31536000, immutable")
	case strings.HasPrefix(kind, "text/html") && !strings.HasPrefix(x.r.URL.Path, Root+"/queues/api/"):
		body = x.adopt(body)
	}
	x.send(answer.status, body)
	return nil
}

// heldAnswer keeps an answer back until it is whole.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *heldAnswer) Header() http.Header         { return a.header }
func (a *heldAnswer) WriteHeader(status int)      { a.status = status }
func (a *heldAnswer) Write(b []byte) (int, error) { return a.body.Write(b) }

var (
	foreignLink  = regexp.MustCompile(`<link[^>]*"https?://[^>]*>`)
	manifestLink = regexp.MustCompile(`<link rel="manifest"[^>]*>`)
)

// adopt makes asynqmon's page one of ours: nothing comes from elsewhere, its
// scripts and styles carry the nonce, its writes the token, and a bar leads
// back.
func (x *exchange) adopt(page []byte) []byte {
	page = foreignLink.ReplaceAll(page, nil)
	page = manifestLink.ReplaceAll(page, nil)
	page = bytes.ReplaceAll(page, []byte("<script>"), []byte(`<script nonce="`+x.nonce+`">`))
	ours := `<meta property="csp-nonce" content="` + x.nonce + `"/><meta name="csrf" content="` + mask(x.session.CSRF) + `"/>` +
		`<link rel="stylesheet" href="` + x.console.assets.url("queues.css") + `"/><script src="` + x.console.assets.url("queues.js") + `"></script></head>`
	x.w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self' 'nonce-"+x.nonce+"'; style-src 'self' 'nonce-"+x.nonce+"'; "+
		"img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	return bytes.Replace(page, []byte("</head>"), []byte(ours), 1)
}
