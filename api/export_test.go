package api

// The limits of one connection.
const (
	HeaderTimeout  = headerTimeout
	RequestTimeout = requestTimeout
	WriteTimeout   = writeTimeout
)

// KeyOf is loggableKey.
var KeyOf = loggableKey

// Config is what the API was made with, defaults included.
func (a *API) Config() Config { return a.config }

// Routes are the method and path of every route, as gin writes them.
func (a *API) Routes() (all []string) {
	for _, r := range a.engine.Routes() {
		all = append(all, r.Method+" "+r.Path)
	}
	return all
}
