package mqtt

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/penstock/penstock/flows"
)

const (
	// maxString is the maximum length of a topic, and of any other text beside the body, in bytes (MQTT 5, section 1.5.4).
	maxString = 65535
	// maxLevels is the maximum number of levels of a topic. Mosquitto closes the connection of a client that uses more than 201.
	maxLevels = 200
)

// topicRules are the rules of topics to send to. $ begins topics of the server's own, such as those of its administration (section 4.7.2).
var topicRules = flows.NameRules{Separators: "/", Wildcards: "+#", Reserved: []string{"$"}}

// isTopic reports whether messages can have the topic.
func isTopic(topic string) bool {
	return topic != "" && isString(topic) && !strings.ContainsAny(topic, "+#") && strings.Count(topic, "/") < maxLevels
}

// isString reports whether a text can be sent. Servers close the connection of a client that sends a character which section 1.5.4 forbids or
// advises against: control characters and non-characters.
func isString(text string) bool {
	return len(text) <= maxString && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe
	})
}

// isFilter reports whether a text is a topic filter (MQTT 5, section 4.7.1).
func isFilter(filter string) bool {
	if filter == "" || !isString(filter) {
		return false
	}
	levels := strings.Split(filter, "/")
	for i, level := range levels {
		if strings.Contains(level, "+") && level != "+" || strings.Contains(level, "#") && (level != "#" || i < len(levels)-1) {
			return false
		}
	}
	return true
}

// overlap reports whether a topic can be of both filters. A server may send its messages once for each of them (MQTT 5, section 3.3.4).
func overlap(a, b string) bool {
	x, y := strings.Split(unshared(a), "/"), strings.Split(unshared(b), "/")
	if strings.HasPrefix(x[0], "$") != strings.HasPrefix(y[0], "$") {
		return false
	}
	for i := range max(len(x), len(y)) {
		switch {
		case i < len(x) && x[i] == "#", i < len(y) && y[i] == "#": // # has the level above it, too
			return true
		case i >= len(x), i >= len(y), x[i] != y[i] && x[i] != "+" && y[i] != "+":
			return false
		}
	}
	return true
}

// unshared returns the filter of a shared subscription (section 4.8.2).
func unshared(filter string) string {
	if share, ok := strings.CutPrefix(filter, "$share/"); ok {
		_, filter, _ = strings.Cut(share, "/")
	}
	return filter
}

// wants reports whether a topic is one of the filters.
func (c *consumer) wants(topic string) bool {
	for _, f := range c.filters {
		if matches(f, topic) {
			return true
		}
	}
	return false
}

// matches reports whether a filter has a topic. A wildcard at its beginning is none of the topics that begin with $ (section 4.7.2).
func matches(filter, topic string) bool {
	want, have := strings.Split(unshared(filter), "/"), strings.Split(topic, "/")
	if strings.HasPrefix(topic, "$") && (want[0] == "+" || want[0] == "#") {
		return false
	}
	for i, level := range want {
		switch {
		case level == "#":
			return true
		case i >= len(have) || level != "+" && level != have[i]:
			return false
		}
	}
	return len(want) == len(have)
}
