package flows

import (
	"regexp"
	"slices"

	"github.com/penstock/penstock/flows/internal/mistake"
)

// maxTags is the maximum number of tags of a flow.
const maxTags = 10

var tagForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// tags reads the tags of the flow.
func (c *compiler) tags(a *Args) {
	all := a.Strings("tags")
	if len(all) > maxTags {
		c.Add(mistake.TooMany, a.places["tags"], "", "tags: a flow has at most %d", maxTags)
	}
	for i, tag := range all {
		switch {
		case !tagForm.MatchString(tag):
			c.Add(mistake.BadName, a.places["tags"], "", "tags: %q is no tag: small letters, digits, - and _, at most 32, no sign first", tag)
		case slices.Contains(all[:i], tag):
			c.Add(mistake.DuplicateName, a.places["tags"], "", "tags: %q is there twice", tag)
		}
	}
	c.flow.Tags = all
}
