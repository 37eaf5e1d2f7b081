package kafka

import (
	"regexp"

	"github.com/penstock/penstock/flows"
)

// topicName is the form of the name of a topic (org.apache.kafka.common.internals.Topic).
var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// topicRules are the rules of topics to send to. _ begins those in which Kafka and its tools keep what they know.
var topicRules = flows.NameRules{Separators: ".", Reserved: []string{"_"}}

func isTopic(name string) bool { return name != "." && name != ".." && topicName.MatchString(name) }
