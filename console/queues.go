package console

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"

	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/session"
)

// queuesUI is asynqmon, which has no authentication of its own, behind the console's session: one instance for users
// who may only read, one for those who may write.
type queuesUI struct{ readOnly, readWrite http.Handler }

// sharedClient lets asynqmon use the console's Redis client. asynqmon is never closed, so that the client stays open.
type sharedClient struct{ redis.UniversalClient }

// MakeRedisClient implements asynq.RedisConnOpt.
func (s sharedClient) MakeRedisClient() any { return s.UniversalClient }

func newQueuesUI(client redis.UniversalClient) queuesUI {
	options := asynqmon.Options{RootPath: Root + "/queues", RedisConnOpt: sharedClient{client}}
	acting := asynqmon.New(options)
	options.ReadOnly = true
	return queuesUI{readOnly: asynqmon.New(options), readWrite: acting}
}

// queuesPage serves asynqmon. Its static files may be cached.
func queuesPage(req *requestState) error {
	ui := req.console.queues.readOnly
	switch {
	case req.may(auth.ScopeWriteQueues):
		ui = req.console.queues.readWrite
	case strings.Contains(req.r.URL.Path, "/api/redis_info"):
		return errForbidden // the response contains the address and the configuration of Redis
	}
	answer := bufferedResponse{header: http.Header{}, status: http.StatusOK}
	ui.ServeHTTP(&answer, req.r)
	h, body := req.w.Header(), answer.body.Bytes()
	kind := answer.header.Get("Content-Type")
	if kind == "" {
		kind = http.DetectContentType(body)
	}
	h.Set("Content-Type", kind)
	switch {
	case strings.HasPrefix(req.r.URL.Path, Root+"/queues/static/"):
		h.Set("Cache-Control", "private, max-age=31536000, immutable")
	case strings.HasPrefix(kind, "text/html") && !strings.HasPrefix(req.r.URL.Path, Root+"/queues/api/"):
		body = req.embedPage(body)
	}
	req.send(answer.status, body)
	return nil
}

// bufferedResponse buffers a complete response.
type bufferedResponse struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *bufferedResponse) Header() http.Header         { return a.header }
func (a *bufferedResponse) WriteHeader(status int)      { a.status = status }
func (a *bufferedResponse) Write(b []byte) (int, error) { return a.body.Write(b) }

var (
	foreignLink  = regexp.MustCompile(`<link[^>]*"https?://[^>]*>`)
	manifestLink = regexp.MustCompile(`<link rel="manifest"[^>]*>`)
)

// embedPage adapts asynqmon's page to the console: it removes links to other servers, adds the nonce to scripts and the
// CSRF token for writes, and adds a bar that leads back to the console and the one with what does not answer.
func (req *requestState) embedPage(page []byte) []byte {
	page = foreignLink.ReplaceAll(page, nil)
	page = manifestLink.ReplaceAll(page, nil)
	page = bytes.ReplaceAll(page, []byte("<script>"), []byte(`<script nonce="`+req.nonce+`">`))
	ours := `<meta property="csp-nonce" content="` + req.nonce + `"/><meta name="csrf" content="` + session.MaskToken(req.session.CSRF) + `"/>` +
		`<link rel="stylesheet" href="` + req.console.assets.URL("queues.css") + `"/><script src="` + req.console.assets.URL("queues.js") + `"></script><script src="` + req.console.assets.URL("texts.js") + `"></script><script src="` + req.console.assets.URL("states.js") + `"></script></head>`
	req.w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self' 'nonce-"+req.nonce+"'; style-src 'self' 'nonce-"+req.nonce+"'; "+
		"img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	page = bytes.Replace(page, []byte("</head>"), []byte(ours), 1)
	return bytes.Replace(page, []byte("<body>"), []byte(`<body><div id="health" class="health" role="status" data-health="`+Root+`/health"></div>`), 1)
}
