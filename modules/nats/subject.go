package nats

import (
	"strings"

	"github.com/penstock/penstock/flows"
)

// maxSubject is the maximum length of a subject in bytes. A server closes the connection of a client whose command line is longer than 4096
// bytes (max_control_line), and all steps share the connection.
const maxSubject = 2000

// subjectRules are the rules of subjects to send to. $ begins those of the server's administration, such as $JS.API and $SYS, and _ those of
// clients, such as _INBOX.
var subjectRules = flows.NameRules{Separators: ".", Wildcards: "*>", Reserved: []string{"$", "_"}}

// isSubject reports whether a message may have the subject.
func isSubject(subject string) bool {
	return isFilter(subject) && !hasWord(subject, "*") && !hasWord(subject, ">")
}

// isFilter reports whether a text is a subject, possibly with wildcards. A space or a line break would be another command to the server.
func isFilter(subject string) bool {
	words := strings.Split(subject, ".")
	for i, word := range words {
		if word == "" || word == ">" && i < len(words)-1 || strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return false
		}
	}
	return len(subject) <= maxSubject
}

func hasWord(subject, wanted string) bool {
	for word := range strings.SplitSeq(subject, ".") {
		if word == wanted {
			return true
		}
	}
	return false
}
