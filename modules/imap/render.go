package imap

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/penstock/penstock/flows"
)

// maxText is the maximum length of a mailbox's name, and of a criterion, in bytes.
const maxText = 1000

// renderText renders a text of one line, as commands have it.
func renderText(ctx context.Context, in *flows.Input, what string, t *flows.Template) (string, error) {
	v, err := t.Render(ctx, in)
	if err != nil {
		return "", err
	}
	switch v.(type) {
	case nil, []any, map[string]any:
		return "", flows.Failed("%s: expected a text", what)
	}
	text, _ := v.(string)
	if text == "" {
		text = strings.Trim(string(flows.EncodeJSON(v)), `"`)
	}
	switch {
	case len(text) > maxText:
		return "", flows.Failed("%s has %d bytes; %d are allowed", what, len(text), maxText)
	case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", flows.Failed("%s has a control character in it", what)
	}
	return text, nil
}

func renderMailbox(ctx context.Context, in *flows.Input, t *flows.Template) (string, error) {
	name, err := renderText(ctx, in, "the mailbox", t)
	if err == nil && name == "" {
		err = flows.Failed("the mailbox has no name")
	}
	return name, err
}

func renderNumber(ctx context.Context, in *flows.Input, what string, t *flows.Template) (uint32, error) {
	text, err := renderText(ctx, in, what, t)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, flows.Failed("%s: expected a whole number, not %.50q", what, text)
	}
	return uint32(n), nil
}

func renderDate(ctx context.Context, in *flows.Input, what string, t *flows.Template) (time.Time, error) {
	text, err := renderText(ctx, in, what, t)
	if err != nil {
		return time.Time{}, err
	}
	date, err := time.Parse(time.DateOnly, text[:min(len(text), len(time.DateOnly))])
	if err != nil {
		return time.Time{}, flows.Failed("%s: expected a date such as 2026-01-31, not %.50q", what, text)
	}
	return date, nil
}

// systemFlags are the flags of RFC 9051, section 2.3.2, by their names in flows.
var systemFlags = map[string]imap.Flag{
	"seen": imap.FlagSeen, "answered": imap.FlagAnswered, "flagged": imap.FlagFlagged, "deleted": imap.FlagDeleted, "draft": imap.FlagDraft,
}

// flagsOf returns the flags of a parameter.
func flagsOf(a *flows.Args, param string) ([]imap.Flag, error) {
	var flags []imap.Flag
	for _, name := range a.Strings(param) {
		flag, ok := flagOf(name)
		if !ok {
			return nil, a.Errorf(param, "%s: %q is no flag: seen, answered, flagged, deleted, draft, or a keyword", param, name)
		}
		flags = append(flags, flag)
	}
	return flags, nil
}

// flagOf returns a flag by its name in flows. A keyword is an atom (RFC 9051, section 9).
func flagOf(name string) (imap.Flag, bool) {
	if flag, ok := systemFlags[strings.ToLower(strings.TrimPrefix(name, `\`))]; ok {
		return flag, true
	}
	atom := !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`(){%*"\]`, r) })
	return imap.Flag(name), atom && name != "" && len(name) <= 100
}

// flagNames returns flags by their names in flows, sorted. \Recent, which RFC 9051 has no more, is left out.
func flagNames(flags []imap.Flag) []any {
	names := []string{}
	for _, flag := range flags {
		name := clean(string(flag))
		if system := strings.ToLower(strings.TrimPrefix(name, `\`)); systemFlags[system] != "" {
			name = system
		}
		if name != `\Recent` {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	all := make([]any, len(names))
	for i, name := range names {
		all[i] = name
	}
	return all
}
