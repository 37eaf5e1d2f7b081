package connect

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// plainDial decides to which addresses a mailer connects without encryption: loopback, and the trusted networks of
// its connection.
type plainDial struct{ networks []netip.Prefix }

var errUntrustedAddress = errors.New("the mail server's address is outside of trusted_network: without TLS it is not talked to")

// newPlainDial parses networks, separated by commas or spaces. Without any, the host must be a loopback address or
// localhost.
func newPlainDial(host, networks string) (*plainDial, error) {
	d := &plainDial{}
	for _, text := range strings.FieldsFunc(networks, func(r rune) bool { return r == ',' || r == ' ' }) {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("trusted_network: %q is no network such as 10.20.0.0/16", text)
		}
		d.networks = append(d.networks, network.Masked())
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case err == nil && !d.trusts(ip):
		return nil, errors.New("tls: none is for a server on loopback or in trusted_network, and host is in neither")
	case err != nil && host != "localhost" && len(d.networks) == 0:
		return nil, errors.New("tls: none is for a server on loopback only, unless trusted_network names the network that it is in")
	}
	return d, nil
}

func (d *plainDial) trusts(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if ip.IsLoopback() {
		return true
	}
	for _, network := range d.networks {
		if network.Contains(ip) {
			return true
		}
	}
	return false
}

// control is the Control of a net.Dialer: it checks the resolved address before anything is sent.
func (d *plainDial) control(_, address string, _ syscall.RawConn) error {
	text, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	ip, err := netip.ParseAddr(text)
	if err != nil || !d.trusts(ip) {
		return errUntrustedAddress
	}
	return nil
}
