package api

// The limits of one connection.
const (
	HeaderTimeout  = headerTimeout
	RequestTimeout = requestTimeout
	WriteTimeout   = writeTimeout
)

// KeyOf exports loggableKey to the tests.
var KeyOf = loggableKey

// Config returns the configuration with its defaults.
func (a *API) Config() Config { return a.config }

// Routes returns the method and path of all routes, as gin writes them.
func (a *API) Routes() (all []string) {
	for _, r := range a.engine.Routes() {
		all = append(all, r.Method+" "+r.Path)
	}
	return all
}
