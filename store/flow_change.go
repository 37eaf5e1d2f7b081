package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"
)

// MaxMessage is the maximum number of characters of a message about a version: all processes keep the history of all flows in
// memory.
const MaxMessage = 300

// NoVersion is the base of a change that makes a flow: there must be none of its number.
const NoVersion = "none"

// Change says who makes a version the current one, why, and on which version it is based. The zero value says nothing.
type Change struct {
	By      string // principal, as in "user:ann"; empty: unknown
	Message string // one line for people who read the history, at most MaxMessage characters
	Base    string // the version that must be current, or NoVersion; empty: any

	// May decides whether whoever makes the change may bring the flow from one folder to another, perhaps the same one; exists is
	// false for a new flow. Nil: always. Its error is that of the change.
	May func(exists bool, from, to string) error
}

// check returns an *InvalidError for a message that is too long or is not one line.
func (c *Change) check() error {
	if utf8.RuneCountInString(c.Message) > MaxMessage || !utf8.ValidString(c.Message) || strings.ContainsFunc(c.Message, unicode.IsControl) {
		return &InvalidError{"message", fmt.Sprintf("must be one line of at most %d characters", MaxMessage)}
	}
	return nil
}

// checkBase returns a *StaleError if the change is based on another version than that of the deployment, which is zero when
// the flow does not exist.
func (c *Change) checkBase(current *Deployment) error {
	base := c.Base
	if base == NoVersion {
		base = ""
	}
	if c.Base == "" || base == current.Version {
		return nil
	}
	return &StaleError{Base: base, Current: current.Version}
}

// checkFolders returns the error of May for a change from the current deployment, which is zero when the flow does not exist, to a
// version in a folder.
func (c *Change) checkFolders(current *Deployment, folder string) error {
	if c.May == nil {
		return nil
	}
	return c.May(current.Number != 0, current.Folder, folder)
}

// StaleError reports that a change is based on a version that is not the current one: somebody else was first.
type StaleError struct {
	Base    string // empty: the flow should not exist
	Current string // empty: the flow does not exist any more
}

func (e *StaleError) Error() string {
	switch {
	case e.Current == "":
		return "the flow was deleted in the meantime"
	case e.Base == "":
		return fmt.Sprintf("there is a flow of this number already, with the version %.12s", e.Current)
	}
	return fmt.Sprintf("the current version is %.12s and not %.12s: somebody else deployed in the meantime", e.Current, e.Base)
}

// fromFormer returns the change with a May that takes a flow which was deleted to be in the folder that it was in: whoever takes its number gets
// its runs, and what was made for the number.
func (s *Store) fromFormer(ctx context.Context, number int64, c Change) (Change, error) {
	if c.May == nil {
		return c, nil
	}
	former, err := s.config.Redis.HGet(ctx, keyFormer, strconv.FormatInt(number, 10)).Result()
	if errors.Is(err, redis.Nil) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("read former folder of flow %d: %w", number, err)
	}
	may := c.May
	c.May = func(exists bool, from, to string) error {
		if !exists {
			exists, from = true, former
		}
		return may(exists, from, to)
	}
	return c, nil
}
