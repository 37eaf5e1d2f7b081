// Package http3 stands for HTTP/3, which Gin can serve and we do not: see
// ../../README.md.
package http3

import (
	"errors"
	"net/http"
)

// ListenAndServeQUIC always fails.
func ListenAndServeQUIC(addr, certFile, keyFile string, handler http.Handler) error {
	return errors.New("HTTP/3 is left out of this build")
}
