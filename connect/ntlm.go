package connect

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strings"

	ntlmssp "github.com/Azure/go-ntlmssp"
)

func ntlmType() Type {
	return Type{
		Name: "ntlm", Summary: "NTLM version 2 of Windows servers (MS-NLMP), also as `Negotiate`. Each request has a network connection of its own, which it authenticates.", Pinned: true,
		Fields: []Field{
			{Name: "username", Required: true, Summary: "User name: `DOMAIN\\user` or `user@domain`."},
			{Name: "password", Required: true, Secret: true, Summary: "Password."},
			{Name: "workstation", Summary: "Name of this machine, for the log of the server."},
		},
		open: func(_ *Resolver, s settings) (any, error) {
			wrap := func(base http.RoundTripper) http.RoundTripper { return ntlmTransport{base, s.Text} }
			return (&pinned{order: 2, wrap: wrap}).sets("Authorization"), nil
		},
	}
}

// ntlmTransport sends each request by a network connection of its own: NTLM authenticates the connection, and a step that does
// not name the credential must not use it.
type ntlmTransport struct {
	base     http.RoundTripper
	settings map[string]string
}

// RoundTrip implements http.RoundTripper.
func (n ntlmTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	cloner, ok := n.base.(interface{ Clone() *http.Transport })
	if !ok {
		return failingTransport{errors.New("NTLM cannot be used here")}.RoundTrip(req)
	}
	own := cloner.Clone()
	own.MaxConnsPerHost = 1
	own.ForceAttemptHTTP2, own.TLSNextProto = false, map[string]func(string, *tls.Conn) http.RoundTripper{} // HTTP/2 has no NTLM
	if own.TLSClientConfig != nil {
		own.TLSClientConfig.NextProtos = nil
	}
	sent := req.Clone(req.Context())
	if _, err := readBody(sent); err != nil {
		return nil, err
	}
	sent.SetBasicAuth(n.settings["username"], n.settings["password"]) // the library takes them from there, and sends no Basic
	challenges := &drainsChallenges{base: own}
	negotiator := ntlmssp.Negotiator{RoundTripper: challenges, WorkstationName: n.settings["workstation"]}
	resp, err := negotiator.RoundTrip(sent)
	if err == nil && challenges.keyExchange && resp.StatusCode == http.StatusUnauthorized { // the library gives up without an error
		resp.Body.Close()
		err = errKeyExchange
	}
	if err != nil {
		own.CloseIdleConnections()
		return nil, err
	}
	resp.Request = req
	resp.Body = closingBody{resp.Body, own}
	return resp, nil
}

// maxChallenge is the maximum size in bytes of the body of a challenge that is read.
const maxChallenge = 64 << 10

// drainsChallenges reads the bodies of challenges, so that the next request can use the same network connection.
type drainsChallenges struct {
	base        *http.Transport
	keyExchange bool // a challenge had the flag NTLMSSP_NEGOTIATE_KEY_EXCH (MS-NLMP, section 2.2.2.5)
}

// errKeyExchange is the failure of a request to a server that encrypts the session.
var errKeyExchange = errors.New("the server demands that NTLM exchanges a key (NTLMSSP_NEGOTIATE_KEY_EXCH), which Penstock cannot do: switch off 128-bit session security there, or use another authentication")

// wantsKeyExchange reports whether an answer has a CHALLENGE_MESSAGE with that flag (section 2.2.1.2).
func wantsKeyExchange(header http.Header) bool {
	for _, value := range header.Values("WWW-Authenticate") {
		_, token, _ := strings.Cut(value, " ")
		message, err := base64.StdEncoding.DecodeString(token)
		if err == nil && len(message) >= 24 && binary.LittleEndian.Uint32(message[20:])&(1<<30) != 0 {
			return true
		}
	}
	return false
}

// RoundTrip implements http.RoundTripper.
func (d *drainsChallenges) RoundTrip(req *http.Request) (*http.Response, error) {
	maskCredentials(req)
	resp, err := d.base.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	d.keyExchange = d.keyExchange || wantsKeyExchange(resp.Header)
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxChallenge))
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(content))
	return resp, err
}

// closingBody closes the network connection of a response at its end.
type closingBody struct {
	io.ReadCloser
	own *http.Transport
}

// Close implements io.Closer.
func (c closingBody) Close() error {
	err := c.ReadCloser.Close()
	c.own.CloseIdleConnections()
	return err
}
