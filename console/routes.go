package console

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/build"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/session"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/internal/lastuse"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// route is one page or action.
type route struct {
	pattern string     // below the root of its site
	scope   auth.Scope // required; empty: any signed-in user
	handle  func(*requestState) error
}

// changesNothing are the forms that may come again, also beside the one that saves: they show something of what was sent. Read only.
var changesNothing = map[string]bool{
	"POST /flows/check": true, "POST /flows/review": true, "POST /flows/diff": true, "POST /flows/{flow}/rehearsals": true, "POST /flows/{flow}/call": true,
	"POST /build/data": true, "POST /build/preview": true, "POST /runs/chosen": true, "POST /connections/{name}/test": true, "POST /refused": true,
}

// routes lists everything of the console that requires a session.
func (c *Console) routes() []route {
	return slices.Concat(c.pageRoutes(), c.workbenchRoutes(), c.accountRoutes(), c.paletteRoutes(), c.buildRoutes())
}

// buildRoutes are those of the Build view of the editor.
func (c *Console) buildRoutes() (routes []route) {
	for _, r := range c.builder.Routes() {
		routes = append(routes, route{r.Pattern, auth.ScopeWriteFlows, func(req *requestState) error { return r.Handle(req.building()) }})
	}
	return routes
}

// building returns the request as the Build view's package sees it.
func (req *requestState) building() *build.Request {
	return &build.Request{
		HTTP: req.r, Source: req.submittedSource(), Sees: req.sees, ReadsRuns: req.readsRuns(req.flowOfForm("flow")), ReadsConnections: req.may(auth.ScopeClients),
		Send: func(contentType string, body []byte) {
			req.w.Header().Set("Content-Type", contentType)
			req.send(http.StatusOK, body)
		},
	}
}

// pageRoutes are those of this package.
func (c *Console) pageRoutes() []route {
	return []route{
		{"GET /{$}", "", overviewPage},
		{"GET /overview", "", overviewFragment},
		{"GET /chart", auth.ScopeReadRuns, chartFragment},
		{"GET /session", "", showSession},
		{"POST /signout", "", signOut},
		{"GET /authorize", "", authorizePage},
		{"POST /authorize", "", decideAuthorization},

		{"GET /runs", auth.ScopeWatchRuns, runsPage},
		{"GET /runs/newer", auth.ScopeWatchRuns, newerRuns},
		{"GET /runs/fields.json", auth.ScopeWatchRuns, searchFields},
		{"POST /runs/searches", auth.ScopeReadRuns, saveSearch},          // a shared one takes more
		{"POST /runs/searches/delete", auth.ScopeReadRuns, deleteSearch}, // likewise
		{"POST /runs/chosen", auth.ScopeWatchRuns, chosenRuns},           // to act takes more
		{"GET /runs/compare", auth.ScopeReadRuns, comparePage},
		{"GET /runs/bulk", auth.ScopeWriteRuns, bulkPage},
		{"POST /runs/bulk", auth.ScopeWriteRuns, beginOperation},
		{"GET /operations", auth.ScopeWatchRuns, operationsPage},
		{"GET /operations/{operation}", auth.ScopeWatchRuns, operationPage},
		{"POST /operations/{operation}/stop", auth.ScopeWriteRuns, stopOperation},
		{"GET /runs/{run}", auth.ScopeWatchRuns, runPage},
		{"GET /runs/{run}/live", auth.ScopeWatchRuns, runLive},
		{"GET /runs/{run}/json", auth.ScopeReadRuns, runJSON},
		{"GET /runs/{run}/steps", auth.ScopeWatchRuns, runSteps},
		{"GET /runs/{run}/picture", auth.ScopeWatchRuns, runPicture},
		{"GET /runs/{run}/task", auth.ScopeReadQueues, taskOfRun}, // takes the right to read runs, too
		{"GET /runs/{run}/test", auth.ScopeWriteFlows, testOfRun},
		{"GET /runs/{run}/{part}", auth.ScopeReadRuns, runData},
		{"GET /runs/{run}/files/{file}", auth.ScopeReadRuns, runFile},
		{"POST /runs/{run}/cancel", auth.ScopeWriteRuns, cancelRun},
		{"GET /runs/{run}/replay", auth.ScopeWriteRuns, replayPage},
		{"POST /runs/{run}/replay", auth.ScopeWriteRuns, replayRun},
		{"POST /runs/{run}/triage", auth.ScopeWriteRuns, triageRun},
		{"GET /runs/{run}/resume", auth.ScopeWriteRuns, resumePage},
		{"POST /runs/{run}/resume", auth.ScopeWriteRuns, resumeRun},

		{"GET /failures", auth.ScopeWatchRuns, failuresPage},
		{"GET /failures/{failure}", auth.ScopeWatchRuns, failurePage},
		{"POST /failures/{failure}", auth.ScopeWriteRuns, changeFailure},

		{"GET /flows", auth.ScopeReadFlows, flowsPage},
		{"GET /flows/new", auth.ScopeWriteFlows, newFlowPage},
		{"GET /flows/schema.json", auth.ScopeReadFlows, flowSchema},
		{"POST /flows/check", auth.ScopeReadFlows, checkFlow},
		{"POST /flows/review", auth.ScopeWriteFlows, reviewFlow},
		{"POST /flows/diff", auth.ScopeWriteFlows, diffFlow},
		{"POST /flows", auth.ScopeWriteFlows, saveFlow},
		{"GET /flows/{flow}", auth.ScopeReadFlows, flowPage},
		{"GET /flows/{flow}/stats", auth.ScopeReadRuns, flowStatsPage},
		{"GET /flows/{flow}/versions", auth.ScopeReadFlows, versionsPage},
		{"GET /flows/{flow}/webhooks", auth.ScopeReadRuns, webhooksPage},
		{"GET /flows/{flow}/webhooks/{webhook}", auth.ScopeReadRuns, webhookPage},
		{"POST /flows/{flow}/webhooks/{webhook}/redeliver", auth.ScopeWriteRuns, redeliverWebhook},
		{"POST /flows/{flow}/webhook-endpoints/{endpoint}", auth.ScopeWriteRuns, switchEndpoint},
		{"POST /flows/{flow}/enabled", auth.ScopeWriteFlows, enableFlow},
		{"POST /flows/{flow}/paused", "", pauseFlow}, // checks for one of two scopes itself
		{"POST /flows/{flow}/rehearsals", auth.ScopeWriteFlows, rehearseFlow},
		{"POST /flows/{flow}/rollback", auth.ScopeWriteFlows, rollBack},
		{"GET /proposals", auth.ScopeReadFlows, proposalsPage},
		{"POST /flows/{flow}/proposal/approve", auth.ScopeWriteFlows, approveProposal},
		{"POST /flows/{flow}/proposal/reject", auth.ScopeWriteFlows, rejectProposal},
		{"POST /flows/{flow}/delete", auth.ScopeWriteFlows, deleteFlow},

		{"GET /folders", auth.ScopeReadFlows, foldersPage},
		{"GET /folders/{folder}", auth.ScopeReadFlows, folderPage},
		{"POST /folders/{folder}", auth.ScopeFolders, changeFolder},

		{"GET /access/keys", auth.ScopeClients, keysPage},
		{"POST /access/keys", auth.ScopeClients, createKey},
		{"GET /access/keys/{key}", auth.ScopeClients, keyPage},
		{"POST /access/keys/{key}", auth.ScopeClients, changeKey},
		{"POST /access/keys/{key}/access", auth.ScopeClients, switchKey},
		{"POST /access/keys/{key}/secret", auth.ScopeClients, showSecret},
		{"POST /access/keys/{key}/rotate", auth.ScopeClients, rotateKey},
		{"POST /access/keys/{key}/settle", auth.ScopeClients, endOverlap},
		{"POST /access/keys/{key}/delete", auth.ScopeClients, deleteKey},

		{"GET /access/clients", auth.ScopeClients, clientsPage},
		{"POST /access/clients", auth.ScopeClients, createClient},
		{"GET /access/clients/{client}", auth.ScopeClients, clientPage},
		{"POST /access/clients/{client}", auth.ScopeClients, changeClient},
		{"POST /access/clients/{client}/secret", auth.ScopeClients, newClientSecret},
		{"POST /access/clients/{client}/assertion", auth.ScopeClients, downloadAssertion},
		{"POST /access/clients/{client}/token", auth.ScopeClients, downloadToken},
		{"POST /access/clients/{client}/invalidate", auth.ScopeClients, invalidateClient},
		{"POST /access/clients/{client}/delete", auth.ScopeClients, deleteClient},

		{"GET /access/users", auth.ScopeUsers, usersPage},
		{"POST /access/users", auth.ScopeUsers, createUser},
		{"GET /access/users/{user}", auth.ScopeUsers, userPage},
		{"POST /access/users/{user}", auth.ScopeUsers, changeUser},
		{"POST /access/users/{user}/delete", auth.ScopeUsers, deleteUser},
		{"GET /access/audit", auth.ScopeUsers, auditPage},
		{"GET /access/audit/{entry}", auth.ScopeUsers, auditEntryPage},
		{"GET /access/audit/export", auth.ScopeUsers, exportAudit},
		{"GET /access/audit/verify", auth.ScopeUsers, auditCheckPage},

		{"GET /connections", auth.ScopeClients, connectionsPage},
		{"POST /connections", auth.ScopeClients, saveConnection},
		{"GET /connections/new", auth.ScopeClients, newConnectionPage},
		{"GET /connections/{name}", auth.ScopeClients, connectionPage},
		{"POST /connections/{name}/test", auth.ScopeClients, testConnection},
		{"POST /connections/{name}/authorise", auth.ScopeClients, startConsent},
		{"GET /authorised", auth.ScopeClients, finishConsent},
		{"POST /connections/{name}/delete", auth.ScopeClients, deleteConnection},
		{"POST /secrets", auth.ScopeClients, saveSecret},
		{"POST /secrets/{name}/test", auth.ScopeClients, readSecret},
		{"POST /secrets/{name}/delete", auth.ScopeClients, deleteSecret},
		{"POST /vars", auth.ScopeClients, saveVar},
		{"POST /vars/{name}/delete", auth.ScopeClients, deleteVar},

		{"GET /refused", auth.ScopeClients, refusedPage},
		{"POST /refused", auth.ScopeClients, explainRequest},

		{"GET /workers", auth.ScopeReadQueues, workersPage},
		{"GET /workers/now", auth.ScopeReadQueues, workersFragment},
		{"GET /lines", auth.ScopeReadQueues, linesPage},
		{"GET /lines/now", auth.ScopeReadQueues, linesFragment},
		{"GET /queues", auth.ScopeReadQueues, queuesPage},
		{"GET /queues/{path...}", auth.ScopeReadQueues, queuesPage},
		{"POST /queues/{path...}", auth.ScopeWriteQueues, queuesPage},
		{"DELETE /queues/{path...}", auth.ScopeWriteQueues, queuesPage},
	}
}

// router registers all paths of both sites.
func (c *Console) router() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET "+Root+"/assets/{file...}", c.assets)
	if c.config.SignOn != nil {
		mux.HandleFunc("POST "+Root+signOnLogout, c.wrap(consoleSite(), providerLogout))
	}
	c.mount(mux, consoleSite(), c.routes())
	c.mount(mux, developerSite(), c.developerRoutes())
	return mux
}

// mount registers the pages of a site.
func (c *Console) mount(mux *http.ServeMux, at *site, routes []route) {
	root := at.Root
	mux.HandleFunc("GET "+root+"/signin", c.wrap(at, signInPage))
	mux.HandleFunc("POST "+root+"/signin", c.wrap(at, signIn))
	mux.HandleFunc("GET "+root+secondStepPath, c.wrap(at, secondStepPage))
	mux.HandleFunc("POST "+root+secondStepPath, c.wrap(at, secondStep))
	if c.config.SignOn != nil {
		mux.HandleFunc("GET "+root+signOnPath, c.wrap(at, signOn))
		mux.HandleFunc("GET "+root+signOnCallback, c.wrap(at, finishSignOn))
	}
	mux.HandleFunc("GET "+root+"/health", c.wrap(at, healthFragment))
	for _, r := range routes {
		method, path, _ := strings.Cut(r.pattern, " ")
		mux.HandleFunc(method+" "+root+path, c.wrap(at, c.authorize(r)))
	}
	mux.HandleFunc("GET "+root, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, root+"/", http.StatusMovedPermanently)
	})
	mux.HandleFunc(root+"/", c.wrap(at, c.authorize(route{handle: func(*requestState) error { return errNotFound }})))
}

// wrap adds to a page what all pages need: security headers, a limit of the body, the check of the Origin header, and
// the error page.
func (c *Console) wrap(at *site, answer func(*requestState) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		req := c.newRequestState(at, w, r.WithContext(language.With(r.Context(), language.Choose("", r.Header.Get("Accept-Language")))))
		req.setSecurityHeaders()
		req.body, req.r.Body = r.Body, http.MaxBytesReader(w, r.Body, maxSmallForm)
		err := c.origin.Check(req.r)
		if err == nil {
			err = answer(req)
		} else {
			err = errCSRF
		}
		if err != nil {
			req.renderError(err)
		}
	}
}

// authorize lets a request through if it has a session, the user has the route's scope and, for a write, the CSRF token
// is valid.
func (c *Console) authorize(to route) func(*requestState) error {
	return func(req *requestState) error {
		err := req.identify()
		switch {
		case errors.Is(err, session.ErrNone):
			return req.redirectToSignIn()
		case err != nil:
			return err
		case to.scope != "":
			err = req.admit(to)
		}
		if err != nil {
			if errors.Is(err, errForbidden) && isWrite(req.r) {
				req.noteRefusal(req.site.actOf(to.pattern), "", http.StatusForbidden)
			}
			return err
		}
		if isWrite(req.r) {
			req.r.Body = http.MaxBytesReader(req.w, req.body, req.console.maxForm())
			if err := req.readForm(); err != nil {
				return err
			}
		}
		if isWrite(req.r) && !session.ValidCSRF(req.r, req.session.CSRF) {
			req.w.Header().Set("Penstock-Csrf", "stale") // the script asks for the token of the session, and sends it again
			return errCSRF
		}
		req.r = req.r.WithContext(view.WithClock(req.withLanguage(), req.clock()))
		if isWrite(req.r) && !changesNothing[to.pattern] {
			return req.handleWrite(to)
		}
		if err := req.checkAway(to); err != nil {
			return err
		}
		return to.handle(req)
	}
}

// isWrite reports whether a request may change state.
func isWrite(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead
}

// identify sets the session and its user. It returns session.ErrNone when there is none, or when the user's password or
// roles have changed since the session began. While Redis does not answer, a user whom this process knows may go on reading;
// others get an error that wraps queue.ErrUnavailable.
func (req *requestState) identify() error {
	cookie, err := req.r.Cookie(cookieSession)
	if err != nil {
		return session.ErrNone
	}
	known, now := &req.console.known, req.console.config.Now()
	s, user, err := req.findSession(cookie.Value)
	switch {
	case err == nil:
		known.Put(s, user, now)
		req.console.config.LastUse.Note(lastuse.User, user.Name)
	case errors.Is(err, session.ErrNone):
		known.Forget(cookie.Value)
		return err
	case isWrite(req.r) || req.ctx().Err() != nil || answered(err):
		return err
	default:
		var found bool
		if s, user, found = known.Find(cookie.Value, now); !found {
			return err
		}
		req.away = true
	}
	folders, err := req.console.config.Store.Folders().View(req.ctx())
	if err != nil && !req.away {
		return redisAway(err)
	}
	who := req.site.principal(user, folders)
	if who == nil || user.Epoch != s.Epoch {
		return session.ErrNone
	}
	req.session, req.user, req.who = s, user, who
	return nil
}

// findSession reads the session of a cookie and its user. It does not wait for Redis while that is known not to answer.
func (req *requestState) findSession(token string) (*session.Session, *store.User, error) {
	if req.console.redisIsAway(req.ctx()) {
		return nil, nil, fmt.Errorf("find session: %w", queue.ErrUnavailable)
	}
	s, err := req.console.sessions.Find(req.ctx(), token, req.ip())
	if errors.Is(err, session.ErrNone) {
		return nil, nil, err
	}
	if err != nil {
		return nil, nil, redisAway(err)
	}
	user, err := req.console.config.Store.Users().User(req.ctx(), s.User)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, session.ErrNone
	}
	if err != nil {
		return nil, nil, redisAway(err)
	}
	return s, user, nil
}
