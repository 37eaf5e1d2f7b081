package console

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/store"
)

// route is one page or act: who may have it, and how it is answered.
type route struct {
	pattern string     // below Root
	scope   auth.Scope // that it takes; empty: whoever is signed in
	answer  func(*exchange) error
}

// routes lists everything that is for those who are signed in.
func (c *Console) routes() []route {
	return []route{
		{"GET /{$}", "", overviewPage},
		{"GET /pulse", "", overviewPulse},
		{"POST /signout", "", signOut},

		{"GET /runs", auth.ScopeReadRuns, runsPage},
		{"GET /runs/compare", auth.ScopeReadRuns, comparePage},
		{"GET /runs/{run}", auth.ScopeReadRuns, runPage},
		{"GET /runs/{run}/live", auth.ScopeReadRuns, runLive},
		{"GET /runs/{run}/{part}", auth.ScopeReadRuns, runData},
		{"POST /runs/{run}/cancel", auth.ScopeWriteRuns, cancelRun},
		{"POST /runs/{run}/replay", auth.ScopeWriteRuns, replayRun},

		{"GET /flows", auth.ScopeReadFlows, flowsPage},
		{"GET /flows/new", auth.ScopeWriteFlows, newFlowPage},
		{"GET /flows/schema.json", auth.ScopeReadFlows, flowSchema},
		{"POST /flows/check", auth.ScopeReadFlows, checkFlow},
		{"POST /flows", auth.ScopeWriteFlows, saveFlow},
		{"GET /flows/{flow}", auth.ScopeReadFlows, flowPage},
		{"GET /flows/{flow}/versions", auth.ScopeReadFlows, versionsPage},
		{"GET /flows/{flow}/try", auth.ScopeRun, tryPage},
		{"POST /flows/{flow}/try", auth.ScopeRun, tryFlow},
		{"GET /flows/{flow}/call", auth.ScopeReadFlows, callPage},
		{"POST /flows/{flow}/call", auth.ScopeRun, callSamples},
		{"POST /flows/{flow}/enabled", auth.ScopeWriteFlows, enableFlow},
		{"POST /flows/{flow}/paused", "", pauseFlow}, // asks for one of two scopes
		{"POST /flows/{flow}/rollback", auth.ScopeWriteFlows, rollBack},
		{"POST /flows/{flow}/delete", auth.ScopeWriteFlows, deleteFlow},

		{"GET /access/keys", auth.ScopeClients, keysPage},
		{"POST /access/keys", auth.ScopeClients, createKey},
		{"GET /access/keys/{key}", auth.ScopeClients, keyPage},
		{"POST /access/keys/{key}", auth.ScopeClients, changeKey},
		{"POST /access/keys/{key}/access", auth.ScopeClients, switchKey},
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

		{"GET /connections", auth.ScopeClients, connectionsPage},
		{"POST /connections", auth.ScopeClients, saveConnection},
		{"GET /connections/new", auth.ScopeClients, newConnectionPage},
		{"GET /connections/{name}", auth.ScopeClients, connectionPage},
		{"POST /connections/{name}/test", auth.ScopeClients, testConnection},
		{"POST /connections/{name}/authorise", auth.ScopeClients, authorise},
		{"GET /authorised", auth.ScopeClients, authorised},
		{"POST /connections/{name}/delete", auth.ScopeClients, deleteConnection},
		{"POST /secrets", auth.ScopeClients, saveSecret},
		{"POST /secrets/{name}/delete", auth.ScopeClients, deleteSecret},

		{"GET /refused", auth.ScopeClients, refusedPage},
		{"POST /refused", auth.ScopeClients, explainRequest},

		{"GET /lines", auth.ScopeReadQueues, linesPage},
		{"GET /lines/now", auth.ScopeReadQueues, linesNow},
		{"GET /queues", auth.ScopeReadQueues, queuesPage},
		{"GET /queues/{path...}", auth.ScopeReadQueues, queuesPage},
		{"POST /queues/{path...}", auth.ScopeWriteQueues, queuesPage},
		{"DELETE /queues/{path...}", auth.ScopeWriteQueues, queuesPage},
	}
}

// router lists every path.
func (c *Console) router() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET "+Root+"/assets/{file...}", c.assets)
	mux.HandleFunc("GET "+Root+"/signin", c.open(signInPage))
	mux.HandleFunc("POST "+Root+"/signin", c.open(signIn))
	for _, r := range c.routes() {
		method, path, _ := strings.Cut(r.pattern, " ")
		mux.HandleFunc(method+" "+Root+path, c.open(c.guarded(r)))
	}
	mux.HandleFunc("GET "+Root, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, Root+"/", http.StatusMovedPermanently)
	})
	mux.HandleFunc(Root+"/", c.open(c.guarded(route{answer: func(*exchange) error { return errNothing }})))
	return mux
}

// maxForm is the largest body of a write, in bytes: a flow and what is
// around it.
const maxForm = 1 << 20

// open does for every page what none may forget.
func (c *Console) open(answer func(*exchange) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		x := c.newExchange(w, r)
		x.protect()
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		err := c.origin.Check(r)
		if err == nil {
			err = answer(x)
		} else {
			err = errForged
		}
		if err != nil {
			x.fail(err)
		}
	}
}

// guarded lets those through who are signed in, may, and meant it.
func (c *Console) guarded(to route) func(*exchange) error {
	return func(x *exchange) error {
		err := x.identify()
		switch {
		case errors.Is(err, errNoSession):
			return x.askToSignIn()
		case err != nil:
			return err
		case to.scope != "" && !x.may(to.scope):
			return errForbidden
		case writes(x.r) && !genuine(x.r, x.session.CSRF):
			return errForged
		}
		return to.answer(x)
	}
}

// people are the roles that open the console.
var people = []store.Role{store.RoleAdmin, store.RoleOperator, store.RoleViewer} // read only

// identify finds the session and its user. A user who changed since, in
// password or roles, is nobody.
func (x *exchange) identify() error {
	cookie, err := x.r.Cookie(cookieSession)
	if err != nil {
		return errNoSession
	}
	s, err := x.console.sessions.find(x.ctx(), cookie.Value)
	if err != nil {
		return err
	}
	user, err := x.console.config.Store.Users().User(x.ctx(), s.User)
	if errors.Is(err, store.ErrNotFound) {
		return errNoSession
	}
	if err != nil {
		return err
	}
	roles := rolesHere(user)
	if len(roles) == 0 || user.Epoch != s.Epoch {
		return errNoSession
	}
	x.session, x.user = s, user
	x.who = &auth.Principal{Kind: auth.KindUser, ID: user.Name, Name: user.Name, Scopes: auth.UserScopes(roles), Staff: true}
	return nil
}

// rolesHere are the roles of a user that count in the console.
func rolesHere(u *store.User) []store.Role {
	return slices.DeleteFunc(slices.Clone(people), func(r store.Role) bool { return !u.Is(r) })
}
