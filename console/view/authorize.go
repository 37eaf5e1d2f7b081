package view

import (
	"context"
	"net/url"
	"strings"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
)

// Authorize is the question whether a client may act as the user, or the answer to it.
type Authorize struct {
	Client   string // as it calls itself; empty: it has no name
	Redirect string // where the answer goes
	Request  string // query of the request, for the form
	Scopes   []auth.Scope

	Decided, Approved bool
	Back              string // address of the client with the answer
}

// host is the host to which the answer goes.
func (a Authorize) host() string {
	u, err := url.Parse(a.Redirect)
	if err != nil {
		return a.Redirect
	}
	return u.Host
}

// place describes where the answer goes.
func (a Authorize) place(ctx context.Context) string {
	if strings.HasPrefix(a.Redirect, "http:") {
		return language.T(ctx, "a program on your own machine (%s)", a.host())
	}
	return a.host()
}

func (a Authorize) name(ctx context.Context) string {
	if a.Client == "" {
		return language.T(ctx, "A client without a name")
	}
	return a.Client
}
