// Package changes compares what the store has before and after a request, for the audit log. A secret is only said to have changed.
package changes

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/internal/linediff"
	"github.com/penstock/penstock/store"
)

// Reader reads records. Store is required.
type Reader struct {
	Store *store.Store
	// Others reads a record that is not the store's: of a queue, a failure or a run. nil: they are not compared. Its error means that there
	// is nothing to compare.
	Others func(ctx context.Context, kind, id string) (map[string]any, error)
}

// State is a record at one time. nil: there was none, or it could not be read.
type State struct {
	fields  map[string]any    // without secrets
	secrets map[string]string // by field; they leave this package with nothing
	lines   func() []string   // of a flow's source; nil: of another kind
}

// Read returns the record of a kind with an id; nil: there is none.
func (r Reader) Read(ctx context.Context, kind, id string) *State {
	if r.Store == nil || id == "" {
		return nil
	}
	var s *State
	var err error
	switch kind {
	case audit.KindFlow:
		s, err = r.flow(ctx, id)
	case audit.KindFolder:
		s, err = r.folder(ctx, id)
	case audit.KindUser:
		s, err = r.user(ctx, id)
	case audit.KindKey:
		s, err = r.key(ctx, id)
	case audit.KindClient:
		s, err = r.client(ctx, id)
	case audit.KindConnection:
		s, err = r.connection(ctx, id)
	case audit.KindSecret:
		s, err = r.secret(ctx, id)
	case audit.KindVar:
		s, err = r.variable(ctx, id)
	default:
		if r.Others == nil {
			return nil
		}
		var fields map[string]any
		if fields, err = r.Others(ctx, kind, id); err == nil && fields != nil {
			s = &State{fields: fields}
		}
	}
	if err != nil {
		return nil
	}
	return s
}

// Subject returns the id of a record that a request names: of a flow its number, however it is named.
func (r Reader) Subject(kind, id string) string {
	if kind == audit.KindFlow && r.Store != nil {
		if head, err := r.Store.Flows().Deployment(id); err == nil {
			return strconv.FormatInt(head.Number, 10)
		}
	}
	if kind == audit.KindFolder {
		if name, err := folderOf(id); err == nil {
			return store.FolderText(name)
		}
	}
	return id
}

func (r Reader) flow(ctx context.Context, id string) (*State, error) {
	head, err := r.Store.Flows().Deployment(id)
	if err != nil {
		return nil, err
	}
	fields := map[string]any{"version": head.Version, "enabled": head.Enabled, "paused": !head.Paused.IsZero(), "name": head.Name, "slug": head.Slug, "folder": store.FolderText(head.Folder)}
	if c := head.Canary; c != nil {
		fields["canary"] = fmt.Sprintf("%.12s, %d %% %s", c.Version, c.Percent, strings.Join(c.Principals, " "))
	}
	return &State{fields: fields, lines: func() []string {
		source, err := r.Store.Flows().Source(ctx, head.Number, head.Version)
		if err != nil {
			return nil
		}
		return strings.Split(string(source), "\n")
	}}, nil
}

// folderOf returns the folder that a path or an entry names.
func folderOf(id string) (string, error) {
	if id == store.TopFolder {
		return "", nil
	}
	return store.ParseFolderPath(id)
}

// folder has a field for each one to whom rights are granted.
func (r Reader) folder(ctx context.Context, id string) (*State, error) {
	name, err := folderOf(id)
	if err != nil {
		return nil, err
	}
	f, err := r.Store.Folders().Folder(ctx, name)
	if err != nil {
		return nil, err
	}
	fields := map[string]any{}
	for _, g := range f.Grants {
		fields[g.To] = g.Rights
	}
	return &State{fields: fields}, nil
}

func (r Reader) user(ctx context.Context, id string) (*State, error) {
	u, err := r.Store.Users().User(ctx, id)
	if err != nil {
		return nil, err
	}
	s := &State{
		fields: map[string]any{
			"roles": u.Roles, "disabled": u.Disabled, "scopes": u.Scopes, "groups": u.Groups, "refresh_tokens": u.RefreshTokens, "profile": u.Profile, "external": u.External,
		},
		secrets: map[string]string{"password": u.Hash},
	}
	if u.HasTOTP() {
		s.fields["totp"], s.fields["recovery_codes"] = true, len(u.Recovery)
	}
	return s, nil
}

func (r Reader) key(ctx context.Context, id string) (*State, error) {
	k, err := r.Store.Keys().Key(ctx, id)
	if err != nil {
		return nil, err
	}
	flows := any("all")
	if k.Flows != nil {
		flows = k.Flows
	}
	return &State{
		fields: map[string]any{
			"name": k.Name, "api_access": k.APIAccess, "flows": flows, "scopes": k.Scopes, "ts_window": k.Window.String(), "on_replay": k.OnReplay,
			"refuse_v1": k.RefuseV1, "impersonate": k.Impersonate, "public_key": k.PublicKey, "refresh_tokens": k.RefreshTokens, "rate": k.Rate,
			"previous_until": moment(k.PreviousUntil),
		},
		secrets: map[string]string{"secret": k.Secret, "previous_secret": k.Previous},
	}, nil
}

func (r Reader) client(ctx context.Context, id string) (*State, error) {
	c, err := r.Store.Clients().Client(ctx, id)
	if err != nil {
		return nil, err
	}
	return &State{
		fields: map[string]any{
			"name": c.Name, "scopes": c.Scopes, "disabled": c.Disabled, "owner": c.Owner, "public_key": c.PublicKey, "refresh_tokens": c.RefreshTokens,
			"time_zone": c.TimeZone, "expires": c.Expires, "token_ttl_minutes": c.TokenTTL, "commas": c.Commas, "remind": c.Remind,
		},
		secrets: map[string]string{"secret": c.Hash, "assertion": c.Assertion, "tokens": c.Epoch},
	}, nil
}

func (r Reader) connection(ctx context.Context, id string) (*State, error) {
	c, err := r.Store.Connections().Connection(ctx, id)
	if err != nil {
		return nil, err
	}
	shown := connect.Shown(r.Store.Catalogue(), c)
	s := &State{fields: map[string]any{"type": c.Type, "hosts": c.Hosts, "flows": c.Flows, "folders": c.Folders, "from": c.From}, secrets: map[string]string{}}
	for name, value := range c.Settings {
		if _, open := shown.Settings[name]; open {
			s.fields["settings."+name] = value
		} else {
			s.secrets["settings."+name] = value
		}
	}
	return s, nil
}

func (r Reader) secret(ctx context.Context, id string) (*State, error) {
	stored, err := r.Store.Secrets().Stored(ctx, id)
	if err != nil {
		return nil, err
	}
	s := &State{fields: map[string]any{"flows": stored.Flows, "folders": stored.Folders, "from": stored.From}}
	if stored.From == "" { // else the value is kept elsewhere
		s.secrets = map[string]string{"value": stored.Value}
	}
	return s, nil
}

func (r Reader) variable(ctx context.Context, id string) (*State, error) {
	all, err := r.Store.Vars().List(ctx)
	if err != nil {
		return nil, err
	}
	for _, v := range all {
		if v.Name == id {
			return &State{fields: map[string]any{"value": v.Value}}, nil
		}
	}
	return nil, store.ErrNotFound
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// Between returns the fields that differ, by name.
func Between(before, after *State) (all []audit.Change) {
	old, now := before.encoded(), after.encoded()
	for _, name := range names(old, now) {
		if !bytes.Equal(old[name], now[name]) {
			all = append(all, audit.Change{Field: name, Before: old[name], After: now[name]})
		}
	}
	hidden, shown := before.hidden(), after.hidden()
	for _, name := range names(hidden, shown) {
		if hidden[name] != shown[name] {
			all = append(all, audit.Change{Field: name, Secret: true})
		}
	}
	if c := diff(before, after, old["version"], now["version"]); c != nil {
		all = append(all, *c)
	}
	return all
}

// encoded returns the fields as JSON, without those that say nothing.
func (s *State) encoded() map[string]json.RawMessage {
	if s == nil {
		return nil
	}
	all := make(map[string]json.RawMessage, len(s.fields))
	for name, v := range s.fields {
		text, err := json.Marshal(v)
		if err != nil || slices.Contains([]string{"null", `""`, "[]", "{}"}, string(text)) {
			continue
		}
		all[name] = text
	}
	return all
}

func (s *State) hidden() map[string]string {
	all := map[string]string{}
	if s == nil {
		return all
	}
	for name, v := range s.secrets {
		if v != "" {
			all[name] = v
		}
	}
	return all
}

func names[V any](a, b map[string]V) []string {
	all := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(all)
	return slices.Compact(all)
}

// diff says how many lines of a flow's source were removed and added; nil: it is the same, or not known.
func diff(before, after *State, old, now json.RawMessage) *audit.Change {
	if after == nil || after.lines == nil || bytes.Equal(old, now) {
		return nil
	}
	var was []string
	if before != nil && before.lines != nil {
		was = before.lines()
	}
	removed, added := 0, 0
	for _, line := range linediff.Compare(was, after.lines()) {
		switch {
		case line.After == 0:
			removed++
		case line.Before == 0:
			added++
		}
	}
	c := &audit.Change{Field: "lines", After: fmt.Appendf(nil, `"%d added"`, added)}
	if removed > 0 {
		c.Before = fmt.Appendf(nil, `"%d removed"`, removed)
	}
	return c
}
