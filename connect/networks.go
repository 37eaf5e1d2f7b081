package connect

import (
	"fmt"
	"net/netip"
	"strings"
)

// networks is the value of a setting trusted_network.
type networks []netip.Prefix

// readNetworks parses networks, separated by commas or spaces.
func readNetworks(text string) (networks, error) {
	var all networks
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		network, err := netip.ParsePrefix(word)
		if err != nil {
			return nil, fmt.Errorf("trusted_network: %q is no network such as 10.20.0.0/16", word)
		}
		all = append(all, network.Masked())
	}
	return all, nil
}

func (n networks) contains(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	for _, network := range n {
		if network.Contains(ip) {
			return true
		}
	}
	return false
}
