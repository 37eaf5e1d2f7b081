package imap

import (
	"mime"
	netmail "net/mail"
	"strings"

	"github.com/emersion/go-message/charset"
)

// addressesOf returns the addresses of a header's value, at most maxAddresses. complete: they are all that it has. Of a value that is no list
// (RFC 5322, section 3.4), those between commas are returned that are addresses.
func addressesOf(value string) (list []*netmail.Address, complete bool) {
	parser := netmail.AddressParser{WordDecoder: &mime.WordDecoder{CharsetReader: charset.Reader}}
	if strings.TrimSpace(value) == "" {
		return nil, true
	}
	list, err := parser.ParseList(value)
	if complete = err == nil; !complete {
		list = nil
		for _, piece := range splitAddresses(value) {
			if address, err := parser.Parse(piece); err == nil {
				list = append(list, address)
			}
		}
	}
	if len(list) > maxAddresses {
		return list[:maxAddresses], false
	}
	return list, complete
}

// splitAddresses splits at commas that are not quoted, up to one piece more than can be addresses.
func splitAddresses(value string) []string {
	quoted, begin := false, 0
	var pieces []string
	for i := 0; i < len(value) && len(pieces) <= maxAddresses; i++ {
		switch {
		case value[i] == '\\':
			i++
		case value[i] == '"':
			quoted = !quoted
		case value[i] == ',' && !quoted:
			pieces, begin = append(pieces, value[begin:i]), i+1
		}
	}
	return append(pieces, value[begin:])
}
