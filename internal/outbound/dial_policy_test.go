package outbound

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"strings"
	"testing"
)

func TestGuardDecides(t *testing.T) {
	t.Parallel()
	const flag = "; allow it with --allow-private-networks"
	const never = ", which steps never reach"
	tests := []struct {
		addr             string
		loopback, always bool   // allowed under AllowLoopback; allowed by default
		refusal          string // of the default policy
	}{
		{addr: "93.184.216.34", always: true},
		{addr: "2606:2800:220:1::1", always: true},
		{addr: "::ffff:93.184.216.34", always: true},
		{addr: "64:ff9b::93.184.216.34", always: true},
		{addr: "127.0.0.1", loopback: true, refusal: "refused: 127.0.0.1 is a loopback address" + flag},
		{addr: "127.255.0.9", loopback: true, refusal: "refused: 127.255.0.9 is a loopback address" + flag},
		{addr: "::1", loopback: true, refusal: "refused: ::1 is a loopback address" + flag},
		{addr: "::ffff:127.0.0.1", loopback: true, refusal: "refused: 127.0.0.1 is a loopback address" + flag},
		{addr: "10.0.0.1", refusal: "refused: 10.0.0.1 is a private address" + flag},
		{addr: "172.31.255.255", refusal: "refused: 172.31.255.255 is a private address" + flag},
		{addr: "192.168.1.1", refusal: "refused: 192.168.1.1 is a private address" + flag},
		{addr: "::ffff:a00:1", refusal: "refused: 10.0.0.1 is a private address" + flag},
		{addr: "64:ff9b::a00:1", refusal: "refused: 10.0.0.1 is a private address" + flag},
		{addr: "fd12:3456::1", refusal: "refused: fd12:3456::1 is a private address" + flag},
		{addr: "100.64.0.1", refusal: "refused: 100.64.0.1 is a special-purpose address" + flag},
		{addr: "100.100.100.200", refusal: "refused: 100.100.100.200 is a cloud metadata address" + never},
		{addr: "168.63.129.16", refusal: "refused: 168.63.129.16 is a cloud metadata address" + never},
		{addr: "fd00:ec2::254", refusal: "refused: fd00:ec2::254 is a cloud metadata address" + never},
		{addr: "fd20:ce::254", refusal: "refused: fd20:ce::254 is a cloud metadata address" + never},
		{addr: "169.254.169.254", refusal: "refused: 169.254.169.254 is a link-local address" + never},
		{addr: "::ffff:169.254.169.254", refusal: "refused: 169.254.169.254 is a link-local address" + never},
		{addr: "fe80::1", refusal: "refused: fe80::1 is a link-local address" + never},
		{addr: "fe80::1%eth0", refusal: "refused: fe80::1%eth0 is a link-local address" + never},
		{addr: "0.0.0.0", refusal: "refused: 0.0.0.0 is the unspecified address" + never},
		{addr: "::", refusal: "refused: :: is the unspecified address" + never},
		{addr: "::10.0.0.1", refusal: "refused: ::a00:1 is a special-purpose address" + never},
		{addr: "2002:a00:1::", refusal: "refused: 2002:a00:1:: is a special-purpose address" + never},
		{addr: "64:ff9b:1::a00:1", refusal: "refused: 64:ff9b:1::a00:1 is a special-purpose address" + never},
		{addr: "224.0.0.1", refusal: "refused: 224.0.0.1 is a multicast address" + never},
		{addr: "ff02::1", refusal: "refused: ff02::1 is a multicast address" + never},
		{addr: "255.255.255.255", refusal: "refused: 255.255.255.255 is a special-purpose address" + never},
		{addr: "198.18.0.1", refusal: "refused: 198.18.0.1 is a special-purpose address" + never},
	}
	for _, test := range tests {
		t.Run(test.addr, func(t *testing.T) {
			t.Parallel()
			address := net.JoinHostPort(test.addr, "443")
			err := newDialPolicy(Config{}).control("tcp", address, nil)
			if test.always != (err == nil) || err != nil && err.Error() != test.refusal {
				t.Errorf("default: %v, want %q", err, test.refusal)
			}
			if err != nil && !errors.Is(err, fs.ErrPermission) {
				t.Errorf("default: %v does not wrap fs.ErrPermission", err)
			}
			err = newDialPolicy(Config{AllowLoopback: true}).control("tcp", address, nil)
			if allowed := test.always || test.loopback; allowed != (err == nil) {
				t.Errorf("AllowLoopback: %v, want allowed %v", err, allowed)
			}
			// The hint must be correct: the flag must permit the address.
			promised := test.refusal == "" || strings.HasSuffix(test.refusal, flag)
			err = newDialPolicy(Config{AllowPrivate: true}).control("tcp", address, nil)
			if promised != (err == nil) {
				t.Errorf("AllowPrivate: %v, want allowed %v", err, promised)
			}
		})
	}
}

func TestGuardRefusesWhatIsNoAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "localhost:80", "2130706433:80", "10.0.0.1", "/run/docker.sock"} {
		if err := newDialPolicy(Config{AllowPrivate: true}).control("tcp", address, nil); err == nil {
			t.Errorf("%q is allowed", address)
		}
	}
}

// An address that the standard library calls local is refused in every notation.
func FuzzGuard(f *testing.F) {
	for _, seed := range []string{"127.0.0.1", "::1", "::ffff:10.0.0.1", "fe80::1%lo", "64:ff9b::7f00:1", "8.8.8.8"} {
		f.Add(netip.MustParseAddr(seed).AsSlice())
	}
	rules := newDialPolicy(Config{})
	f.Fuzz(func(t *testing.T, bytes []byte) {
		addr, ok := netip.AddrFromSlice(bytes)
		if !ok || rules.control("tcp", netip.AddrPortFrom(addr, 80).String(), nil) != nil {
			return
		}
		reached := addr.Unmap()
		if reached.Is6() && bytes[0] == 0 && bytes[1] == 0x64 {
			reached = netip.AddrFrom4([4]byte(bytes[12:]))
		}
		if !reached.IsGlobalUnicast() || reached.IsPrivate() {
			t.Errorf("%s is allowed", addr)
		}
	})
}
