package fileserver

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// hostKeys are the keys that an SFTP server may have: whole keys, or their fingerprints (SHA-256, as OpenSSH shows them).
type hostKeys struct {
	keys         []ssh.PublicKey
	fingerprints []string
}

// readHostKeys reads the setting host_key of a connection with a host, as known_hosts has it: name, or [name]:port.
func readHostKeys(text, host string) (hostKeys, error) {
	var h hostKeys
	others := 0
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if sum, ok := strings.CutPrefix(line, "SHA256:"); ok {
			if raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(sum, "=")); err != nil || len(raw) != 32 {
				return h, fmt.Errorf("host_key: line %d is no fingerprint: SHA256: and 43 characters", i+1)
			}
			h.fingerprints = append(h.fingerprints, strings.TrimRight(line, "="))
			continue
		}
		key, hosts, err := hostKey(line)
		switch {
		case err != nil:
			return h, fmt.Errorf("host_key: line %d is neither a public key such as ssh-ed25519 AAAA…, nor a fingerprint SHA256:…", i+1)
		case hosts != nil && !isHost(hosts, host):
			others++
		default:
			h.keys = append(h.keys, key)
		}
	}
	switch {
	case len(h.keys)+len(h.fingerprints) > 0:
		return h, nil
	case others > 0:
		return h, fmt.Errorf("host_key has no line for %s: a key without the name of a host before it counts for this one", host)
	}
	return h, errors.New("host_key is missing")
}

// hostKey parses a public key, also behind the names of hosts, as in known_hosts; without names, hosts is nil.
func hostKey(line string) (key ssh.PublicKey, hosts []string, err error) {
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err == nil && options == nil { // else they are names of hosts
		return key, nil, nil
	}
	marker, hosts, key, _, _, err := ssh.ParseKnownHosts([]byte(line))
	if err == nil && marker != "" {
		err = errors.New("a marker has no meaning here")
	}
	return key, hosts, err
}

// isHost reports whether the names of a line of known_hosts are those of a host (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
func isHost(names []string, host string) bool {
	found := false
	for _, name := range names {
		pattern, no := strings.CutPrefix(name, "!")
		if !matchesHost(pattern, host) {
			continue
		}
		if no {
			return false
		}
		found = true
	}
	return found
}

// matchesHost reports whether a host has a name, which may have * and ? in it, or is its HMAC-SHA1: |1|salt|hash.
func matchesHost(name, host string) bool {
	if hashed, ok := strings.CutPrefix(name, "|1|"); ok {
		salt, sum, _ := strings.Cut(hashed, "|")
		key, err := base64.StdEncoding.DecodeString(salt)
		if err != nil {
			return false
		}
		mac := hmac.New(sha1.New, key)
		mac.Write([]byte(host))
		return base64.StdEncoding.EncodeToString(mac.Sum(nil)) == sum
	}
	expression := regexp.QuoteMeta(strings.ToLower(name))
	expression = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(expression)
	ok, err := regexp.MatchString("^"+expression+"$", strings.ToLower(host))
	return err == nil && ok
}

// hostKeyError is the error for a server with another key.
type hostKeyError struct{ found string }

func (e *hostKeyError) Error() string {
	return fmt.Sprintf("the server's host key %s is not in host_key: either host_key is that of another server or of an older key, or this is not the server; "+
		"ask its operator for the fingerprint before you change host_key", e.found)
}

// check is an ssh.HostKeyCallback.
func (h hostKeys) check(_ string, _ net.Addr, key ssh.PublicKey) error {
	found := ssh.FingerprintSHA256(key)
	same := func(k ssh.PublicKey) bool { return bytes.Equal(k.Marshal(), key.Marshal()) }
	if slices.Contains(h.fingerprints, found) || slices.ContainsFunc(h.keys, same) {
		return nil
	}
	return &hostKeyError{key.Type() + " " + found}
}

// algorithms returns the signature algorithms that a server is asked for, one type of key after the other: it chooses one of a list, and may
// have changed the key of one type only. A fingerprint does not say its type: then the first list is nil, for what the client prefers.
func (h hostKeys) algorithms() [][]string {
	ecdsa := []string{ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521}
	rsa := []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	if len(h.fingerprints) > 0 {
		return [][]string{nil, {ssh.KeyAlgoED25519}, ecdsa, rsa}
	}
	var all [][]string
	for _, key := range h.keys {
		algorithms := []string{key.Type()}
		if key.Type() == ssh.KeyAlgoRSA {
			algorithms = rsa
		}
		if !slices.ContainsFunc(all, func(other []string) bool { return slices.Equal(other, algorithms) }) {
			all = append(all, algorithms)
		}
	}
	return all
}
