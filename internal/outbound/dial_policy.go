package outbound

import (
	"fmt"
	"io/fs"
	"net/netip"
	"syscall"

	"code.dny.dev/ssrf"
)

// BlockedError reports an address that steps must not reach.
type BlockedError struct {
	Addr    netip.Addr
	Private bool // it may be reached by a process that has --allow-private-networks
	hint    string
}

func (e *BlockedError) Error() string {
	return fmt.Sprintf("refused: %s is %s%s", e.Addr, addrClass(e.Addr), e.hint)
}

// Unwrap makes the error match fs.ErrPermission; a retry does not help.
func (e *BlockedError) Unwrap() error { return fs.ErrPermission }

// dialPolicy decides for each resolved address whether to connect.
type dialPolicy struct {
	rules   *ssrf.Guardian
	private *ssrf.Guardian // the rules with AllowPrivate, for the hint
}

func newDialPolicy(config Config) dialPolicy {
	private := newRules(privateV4(), privateV6())
	switch {
	case config.AllowPrivate:
		return dialPolicy{rules: private, private: private}
	case config.AllowLoopback:
		return dialPolicy{rules: newRules(loopbackV4(), loopbackV6()), private: private}
	}
	return dialPolicy{rules: newRules(nil, nil), private: private}
}

func newRules(v4, v6 []netip.Prefix) *ssrf.Guardian {
	return ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
}

// control is the Control of a net.Dialer: address is an IP address and a port.
func (g dialPolicy) control(network, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("check address %s %q: %w", network, address, err)
	}
	addr := effectiveAddr(target.Addr())
	switch {
	case isMetadata(addr):
		return &BlockedError{Addr: addr, hint: ", which steps never reach"}
	case g.rules.SafeAddr(addr) == nil:
		return nil
	case g.private.SafeAddr(addr) == nil:
		return &BlockedError{Addr: addr, Private: true, hint: "; allow it with --allow-private-networks"}
	}
	return &BlockedError{Addr: addr, hint: ", which steps never reach"}
}

// effectiveAddr returns the address that packets to addr reach: the IPv4 address in a mapped address, or behind the
// well-known NAT64 prefix (RFC 6052), through which a host without IPv4 reaches IPv4 addresses.
func effectiveAddr(addr netip.Addr) netip.Addr {
	if ssrf.IPv6NAT64Prefix.Contains(addr) {
		bytes := addr.As16()
		return netip.AddrFrom4([4]byte(bytes[12:]))
	}
	return addr.Unmap()
}

// isMetadata reports whether addr is that of a cloud metadata service, which gives out the machine's credentials, in
// a range that is otherwise allowed. Link-local addresses are not listed, because their whole range is blocked.
func isMetadata(addr netip.Addr) bool {
	switch addr.String() {
	case "100.100.100.200", // Alibaba Cloud, in the shared range
		"168.63.129.16", // Azure's wire server, in the public range
		"fd00:ec2::254", // AWS, in the unique local range
		"fd20:ce::254":  // Google Cloud, in the unique local range
		return true
	}
	return false
}

func addrClass(addr netip.Addr) string {
	switch {
	case isMetadata(addr):
		return "a cloud metadata address"
	case addr.IsLoopback():
		return "a loopback address"
	case addr.IsPrivate():
		return "a private address"
	case addr.IsLinkLocalUnicast():
		return "a link-local address"
	case addr.IsMulticast():
		return "a multicast address"
	case addr.IsUnspecified():
		return "the unspecified address"
	}
	return "a special-purpose address"
}

func loopbackV4() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }
func loopbackV6() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("::1/128")} }

func privateV4() []netip.Prefix {
	return append(loopbackV4(),
		netip.MustParsePrefix("10.0.0.0/8"),
		netip.MustParsePrefix("100.64.0.0/10"),
		netip.MustParsePrefix("172.16.0.0/12"),
		netip.MustParsePrefix("192.168.0.0/16"),
	)
}

func privateV6() []netip.Prefix {
	return append(loopbackV6(), netip.MustParsePrefix("fc00::/7"))
}
