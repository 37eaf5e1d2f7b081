package connect

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// plainDial decides to which addresses a connection goes without encryption: loopback, and the trusted networks of
// its connection.
type plainDial struct{ networks networks }

var errUntrustedAddress = errors.New("the server's address is outside of trusted_network: without TLS it is not talked to")

// newPlainDial parses networks, separated by commas or spaces. Without any, the host must be a loopback address or
// localhost. setting is what makes the connection unencrypted, for errors.
func newPlainDial(setting, host, trustedNetwork string) (*plainDial, error) {
	trusted, err := readNetworks(trustedNetwork)
	if err != nil {
		return nil, err
	}
	d := &plainDial{trusted}
	ip, err := netip.ParseAddr(host)
	switch {
	case err == nil && !d.trusts(ip):
		return nil, fmt.Errorf("%s is for a server on loopback or in trusted_network, and host is in neither", setting)
	case err != nil && host != "localhost" && len(d.networks) == 0:
		return nil, fmt.Errorf("%s is for a server on loopback only, unless trusted_network names the network that it is in", setting)
	}
	return d, nil
}

func (d *plainDial) trusts(ip netip.Addr) bool {
	return ip.Unmap().IsLoopback() || d.networks.contains(ip)
}

// control is the Control of a net.Dialer: it checks the resolved address before anything is sent.
func (d *plainDial) control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !d.trusts(to.Addr()) {
		return errUntrustedAddress
	}
	return nil
}
