package connect

import (
	"errors"
	"net/http"
	"sync"
)

// ownTransports are the transports of one connection whose network connections must not be shared with steps that do not
// name it, because of a client certificate or a proxy: one for each base transport.
type ownTransports struct {
	change func(made *http.Transport)

	mu     sync.Mutex
	byBase map[http.RoundTripper]*http.Transport // guarded by mu
}

// newOwnTransports returns transports that are clones of their base, changed.
func newOwnTransports(change func(made *http.Transport)) *ownTransports {
	return &ownTransports{change: change, byBase: map[http.RoundTripper]*http.Transport{}}
}

// maxOwnTransports is the maximum number of transports of one connection: one for the process, and one for each step
// with its own authorities or proxy.
const maxOwnTransports = 32

func (p *ownTransports) transport(base http.RoundTripper) http.RoundTripper {
	cloner, ok := base.(interface{ Clone() *http.Transport })
	if !ok {
		return failingTransport{errors.New("a client certificate or a proxy cannot be used here")}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if made := p.byBase[base]; made != nil {
		return made
	}
	if len(p.byBase) == maxOwnTransports { // most of them belong to steps that no longer exist
		for _, old := range p.byBase {
			old.CloseIdleConnections()
		}
		clear(p.byBase)
	}
	made := cloner.Clone()
	p.change(made)
	p.byBase[base] = made
	return made
}

// failingTransport is a transport that always fails.
type failingTransport struct{ err error }

// RoundTrip implements http.RoundTripper.
func (r failingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		req.Body.Close()
	}
	return nil, r.err
}
