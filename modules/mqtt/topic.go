package mqtt

import "strings"

// maxTopic is the maximum length of a topic in bytes (MQTT 5, section 1.5.4).
const maxTopic = 65535

// isFilter reports whether a text is a topic filter (MQTT 5, section 4.7.1).
func isFilter(filter string) bool {
	if filter == "" || len(filter) > maxTopic || strings.Contains(filter, "\x00") {
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
	if share, ok := strings.CutPrefix(filter, "$share/"); ok {
		_, filter, _ = strings.Cut(share, "/")
	}
	want, have := strings.Split(filter, "/"), strings.Split(topic, "/")
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
