package server

import (
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"syscall"
)

// Networks is the value of a setting trusted_network.
type Networks []netip.Prefix

// ReadNetworks parses networks, separated by commas or spaces.
func ReadNetworks(text string) (Networks, error) {
	var all Networks
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		network, err := netip.ParsePrefix(word)
		if err != nil {
			return nil, fmt.Errorf("trusted_network: %q is no network such as 10.20.0.0/16", word)
		}
		all = append(all, network.Masked())
	}
	return all, nil
}

func (n Networks) contains(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	for _, network := range n {
		if network.Contains(ip) {
			return true
		}
	}
	return false
}

// Control is the Control of a net.Dialer: it permits addresses in the networks.
func (n Networks) Control(_, address string, _ syscall.RawConn) error {
	if to, err := netip.ParseAddrPort(address); err != nil || !n.contains(to.Addr()) {
		return fs.ErrPermission
	}
	return nil
}
