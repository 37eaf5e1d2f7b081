package flows

import (
	"regexp"
	"strings"
)

// The URL of an operation has values of the caller in it, who may not choose the server with them, nor address another
// resource with an empty one. A URL that is one ${ } alone is not checked: it is the connector's to compute.

// hostPart is what a value may add to the host of a URL: characters of names, and a port at its end.
var hostPart = regexp.MustCompile(`^[A-Za-z0-9._-]*(:[0-9]{1,5})?$`)

// checkURLPart checks a value that is inserted into a URL behind what is rendered already. next is the text behind it.
func checkURLPart(before, value, next string, e *Expr) error {
	switch place := placeInURL(before); {
	case place == "start" && strings.HasPrefix(next, "://"):
		if value != "http" && value != "https" {
			return urlPartError("the URL: ${ %s } is neither http nor https", e)
		}
	case place == "start" && strings.HasPrefix(next, "/"):
		if strings.ContainsAny(value, "?#\\@ \t\r\n") {
			return urlPartError("the URL: ${ %s } is no address of a server: it has ?, #, @, \\ or a space", e)
		}
	case place == "host":
		if endsHost(before, value, next) {
			return nil
		}
		if !hostPart.MatchString(value) || value == "" && strings.ContainsAny(before[len(before)-1:], "/.") {
			return urlPartError("the URL: ${ %s } is no part of a host, which has letters, digits, -, _ and . only", e)
		}
	case place == "path" && value == "" && strings.HasSuffix(before, "/"):
		return urlPartError("the URL: ${ %s } is empty, and the path without it is another", e)
	}
	return nil
}

func urlPartError(format string, e *Expr) error {
	return &Error{Code: CodeStepFailed, Message: strings.Replace(format, "%s", e.String(), 1)}
}

// placeInURL says what follows the beginning of a URL: "start", "scheme", "host", "path" or "rest", the query and fragment.
func placeInURL(before string) string {
	if before == "" {
		return "start"
	}
	if strings.ContainsAny(before, "?#") {
		return "rest"
	}
	_, behind, absolute := strings.Cut(before, "://")
	switch {
	case absolute && !strings.Contains(behind, "/"):
		return "host"
	case !absolute && !strings.HasPrefix(before, "/"):
		return "scheme"
	}
	return "path"
}

// endsHost reports whether a value begins behind a complete host, and all of what follows is no host any more.
func endsHost(before, value, next string) bool {
	return value != "" && strings.ContainsAny(value[:1], "/?#") && !strings.ContainsAny(before[len(before)-1:], "/.") &&
		(next == "" || strings.ContainsAny(next[:1], "/?#"))
}
