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
