package server

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// PlainDial decides to which addresses a connection goes without encryption: loopback, and the trusted networks of
// its connection.
type PlainDial struct{ networks Networks }

// ErrUntrustedAddress is the error of PlainDial.Control.
var ErrUntrustedAddress = errors.New("the server's address is outside of trusted_network: without TLS it is not talked to")

// NewPlainDial parses networks, separated by commas or spaces. Without any, the host must be a loopback address or
// localhost. setting is what makes the connection unencrypted, for errors.
func NewPlainDial(setting, host, trustedNetwork string) (*PlainDial, error) {
	trusted, err := ReadNetworks(trustedNetwork)
	if err != nil {
		return nil, err
	}
	d := &PlainDial{trusted}
	ip, err := netip.ParseAddr(host)
	switch {
	case err == nil && !d.trusts(ip):
		return nil, fmt.Errorf("%s is for a server on loopback or in trusted_network, and host is in neither", setting)
	case err != nil && host != "localhost" && len(d.networks) == 0:
		return nil, fmt.Errorf("%s is for a server on loopback only, unless trusted_network names the network that it is in", setting)
	}
	return d, nil
}

func (d *PlainDial) trusts(ip netip.Addr) bool {
	return ip.Unmap().IsLoopback() || d.networks.contains(ip)
}

// Control is the Control of a net.Dialer: it checks the resolved address before anything is sent.
func (d *PlainDial) Control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !d.trusts(to.Addr()) {
		return ErrUntrustedAddress
	}
	return nil
}
