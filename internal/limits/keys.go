package limits

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strconv"
)

// keyWindow is a list of the times of one caller's requests. TTL: one window.
func keyWindow(parts ...string) string { return "penstock:limit:{" + digest(parts) + "}" }

// digest hashes input of callers for key names, because a caller may send a secret in the wrong place.
func digest(parts []string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18])
}

// guessPrefix is the prefix of the keys of Attempts. All are in one Cluster slot, because one script reads them
// together.
const guessPrefix = "penstock:{guess}:"

// sharedStates is the number of shared states of a kind, for those beyond maxStates.
const sharedStates = 1 << 14

// keys returns the keys of one name at one network, in the order of attempt.lua.
//
//	penstock:{guess}:pair:*   string, state of a name at a network. TTL: until it has no effect, at most 160 minutes
//	penstock:{guess}:net:*    string, state of a network. TTL: likewise, at most 10 minutes
//	penstock:{guess}:name:*   string, state of a name. TTL: likewise, at most 30 minutes
//	penstock:{guess}:…:s:N    string, the same, shared. TTL: likewise
//	penstock:{guess}:known:*  zset of networks where a name was proved. TTL: knownNetworkTTL
//	penstock:{guess}:made     string, number of states created in a window. TTL: the window
func (a *Attempts) keys(name, network string) []string {
	pair, net, own := a.hash("pair", name, network), a.hash("network", network), a.hash("name", name)
	return []string{
		stateKey("pair:", pair), sharedKey("pair:", pair), stateKey("net:", net), sharedKey("net:", net),
		stateKey("name:", own), sharedKey("name:", own), stateKey("known:", own), guessPrefix + "made",
	}
}

// hash is an HMAC under the installation's key: without it nothing about the parts can be learned.
func (a *Attempts) hash(parts ...string) []byte {
	mac := hmac.New(sha256.New, a.config.Key)
	for _, p := range parts {
		mac.Write(binary.AppendUvarint(nil, uint64(len(p))))
		mac.Write([]byte(p))
	}
	return mac.Sum(nil)[:15]
}

func stateKey(kind string, sum []byte) string {
	return guessPrefix + kind + base64.RawURLEncoding.EncodeToString(sum)
}

func sharedKey(kind string, sum []byte) string {
	return guessPrefix + kind + "s:" + strconv.Itoa(int(binary.BigEndian.Uint16(sum))%sharedStates)
}
