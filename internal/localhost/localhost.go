// Package localhost tells which hosts are the own machine.
package localhost

import "net"

// Is reports whether a host, a name or an IP address without a port, can be reached from this machine only.
func Is(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
