package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
)

// Right is what somebody may do with the flows of a folder and of the folders in it. Package auth says which scopes it stands
// for.
type Right string

// The rights.
const (
	RightRun        Right = "run"        // run the flows
	RightSee        Right = "see"        // see the flows and their runs, without what runs contain
	RightPayloads   Right = "payloads"   // see what runs, deliveries and failures contain
	RightEdit       Right = "edit"       // deploy, switch, roll back and delete flows
	RightOperate    Right = "operate"    // cancel, replay and resume runs, and pause flows
	RightAdminister Right = "administer" // all of these, and say who has which rights
)

var rights = []Right{RightRun, RightSee, RightPayloads, RightEdit, RightOperate, RightAdminister} // read only

// Rights returns all rights.
func Rights() []Right { return slices.Clone(rights) }

// Bounds of what every process has in memory.
const (
	MaxFolders      = 1000
	MaxFolderGrants = 200 // of one folder
)

// TopFolder is the text for the top, which has no name, where a folder must be named.
const TopFolder = "/"

// FolderGrant gives rights in a folder.
type FolderGrant struct {
	To     string  `json:"to"` // "user:ann", "group:crm-team", "key:k1", "client:c1"
	Rights []Right `json:"rights"`
}

// Folder is who has which rights in a folder and in the folders in it. Flows are in folders by their files, also in those without
// a record. A *Folder returned by the store is shared and must not be modified.
type Folder struct {
	Name      string        `json:"folder"` // "crm/contacts"; empty: the top
	Grants    []FolderGrant `json:"grants"` // by To, at least one
	Version   string        `json:"version"`
	UpdatedAt time.Time     `json:"updated_at"`
}

// Folders gives access to the rights in folders. Safe for concurrent use.
type Folders struct{ store *Store }

// Folders gives access to the rights in folders.
func (s *Store) Folders() *Folders { return &Folders{s} }

// ParseFolder returns the name of a folder, which may begin with a slash; TopFolder is the top. Error: *InvalidError.
func ParseFolder(text string) (string, error) {
	name := strings.TrimPrefix(text, "/")
	if text == TopFolder || flows.ValidFolder(name) {
		return name, nil
	}
	return "", &InvalidError{"folder", "must be / for the top, or " + flows.FolderRule}
}

// ParseFolderPath returns the name of a folder in the path of a URL, where dots stand for the slashes in it and ~ for the top: paths have
// one spelling, and encoded slashes are refused. Error: *InvalidError.
func ParseFolderPath(text string) (string, error) {
	if text == "~" {
		return "", nil
	}
	if name := strings.ReplaceAll(text, ".", "/"); flows.ValidFolder(name) {
		return name, nil
	}
	return "", &InvalidError{"folder", "must be ~ for the top, or " + flows.FolderRule + ", with . in place of /"}
}

// maxNamedFolders is the maximum number of folders that a connection or secret names.
const maxNamedFolders = 100

// checkFolders returns an *InvalidError for a list with what is no folder. The top cannot be listed: who may write all flows may use
// everything.
func checkFolders(all []string) error {
	for _, name := range all {
		if !flows.ValidFolder(name) {
			return &InvalidError{"folders", fmt.Sprintf("has %.100q, which is no folder: expected %s", name, flows.FolderRule)}
		}
	}
	if len(all) > maxNamedFolders {
		return &InvalidError{"folders", fmt.Sprintf("must be at most %d", maxNamedFolders)}
	}
	return nil
}

// FolderText returns the name of a folder for people: TopFolder for the top.
func FolderText(name string) string {
	if name == "" {
		return TopFolder
	}
	return name
}

// List returns all folders in which somebody has rights, by name.
func (fs *Folders) List(ctx context.Context) ([]*Folder, error) {
	v, err := fs.store.fresh(ctx)
	if err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(v.folders), func(a, b *Folder) int { return strings.Compare(a.Name, b.Name) }), nil
}

// Folder returns one folder; ErrNotFound: nobody has rights of its own in it.
func (fs *Folders) Folder(ctx context.Context, name string) (*Folder, error) {
	v, err := fs.store.fresh(ctx)
	if err != nil {
		return nil, err
	}
	if f := v.folders[name]; f != nil {
		return f, nil
	}
	return nil, ErrNotFound
}

// Change decides on the grants of a folder. edit gets those of now, which may be none and which it must not modify, and may be called
// more than once. Without grants the record is removed. Base is the version that the folder must have, NoVersion for none; empty: any. Errors:
// *InvalidError, *StaleError, ErrNotFound when there was and is nothing, and those of edit.
func (fs *Folders) Change(ctx context.Context, name, base string, edit func([]FolderGrant) ([]FolderGrant, error)) (*Folder, error) {
	var changed *Folder
	if err := fs.store.needSchema(ctx, "grants"); err != nil {
		return nil, err
	}
	err := fs.store.update(ctx, func(tx *redis.Tx, v *snapshot) (func(*transactionWrites), error) {
		old := v.folders[name]
		if old == nil {
			old = &Folder{Name: name}
		}
		if wanted := strings.TrimPrefix(base, NoVersion); base != "" && wanted != old.Version {
			return nil, &StaleError{Base: wanted, Current: old.Version}
		}
		grants, err := edit(old.Grants)
		if err == nil {
			grants, err = completeGrants(grants)
		}
		if err == nil {
			err = fs.checkGrants(ctx, tx, v, old, grants)
		}
		if err != nil {
			return nil, err
		}
		changed = &Folder{Name: name, Grants: grants, Version: versionOfGrants(name, grants), UpdatedAt: time.Now().UTC().Truncate(time.Millisecond)}
		return func(w *transactionWrites) { w.setFolder(ctx, changed) }, nil
	})
	if err != nil {
		return nil, fmt.Errorf("change folder %s: %w", FolderText(name), err)
	}
	return changed, nil
}

// setFolder writes a folder, or removes it when it has no grants.
func (w *transactionWrites) setFolder(ctx context.Context, f *Folder) {
	if len(f.Grants) == 0 {
		w.delete(ctx, kindFolder, FolderText(f.Name))
		return
	}
	data, _ := json.Marshal(f) // of texts and times: cannot fail
	w.set(ctx, kindFolder, FolderText(f.Name), data)
}

// forgetGrants adds the writes that take all rights from those who are deleted, so that later ones of the same names have none. A
// transaction calls it once.
func (w *transactionWrites) forgetGrants(ctx context.Context, v *snapshot, gone ...string) {
	for _, f := range v.folders {
		left := slices.DeleteFunc(slices.Clone(f.Grants), func(g FolderGrant) bool { return slices.Contains(gone, g.To) })
		if len(left) < len(f.Grants) {
			w.setFolder(ctx, &Folder{Name: f.Name, Grants: left, Version: versionOfGrants(f.Name, left), UpdatedAt: f.UpdatedAt})
		}
	}
}

// completeGrants checks grants and returns them by whom they are to, with the rights in the order of Rights.
func completeGrants(grants []FolderGrant) ([]FolderGrant, error) {
	if len(grants) > MaxFolderGrants {
		return nil, &InvalidError{"grants", fmt.Sprintf("must be at most %d", MaxFolderGrants)}
	}
	all := make([]FolderGrant, len(grants))
	for i, g := range grants {
		for _, r := range g.Rights {
			if !slices.Contains(rights, r) {
				return nil, &InvalidError{"rights", fmt.Sprintf("has %.40q, which is not one of %v", r, rights)}
			}
		}
		if len(g.Rights) == 0 {
			return nil, &InvalidError{"rights", fmt.Sprintf("of %.100q must not be empty: leave out who has none", g.To)}
		}
		all[i] = FolderGrant{g.To, slices.DeleteFunc(Rights(), func(r Right) bool { return !slices.Contains(g.Rights, r) })}
	}
	slices.SortFunc(all, func(a, b FolderGrant) int { return strings.Compare(a.To, b.To) })
	for i := 1; i < len(all); i++ {
		if all[i].To == all[i-1].To {
			return nil, &InvalidError{"grants", fmt.Sprintf("has %.100q twice", all[i].To)}
		}
	}
	return all, nil
}

// checkGrants checks to whom rights are granted. Users, keys and clients must exist, unless they are there already: a name that is
// granted something must not be waiting for whoever is made under it.
func (fs *Folders) checkGrants(ctx context.Context, tx *redis.Tx, v *snapshot, old *Folder, grants []FolderGrant) error {
	switch {
	case old.Version == "" && len(grants) == 0:
		return ErrNotFound
	case old.Version == "" && len(v.folders) >= MaxFolders:
		return &InvalidError{"folder", fmt.Sprintf("would be one of more than %d", MaxFolders)}
	}
	for _, g := range grants {
		if slices.ContainsFunc(old.Grants, func(known FolderGrant) bool { return known.To == g.To }) {
			continue
		}
		kind, name, _ := strings.Cut(g.To, ":")
		exists, err := false, error(nil)
		switch kind {
		case string(PrincipalUser):
			exists = v.users[name] != nil
		case string(PrincipalClient):
			exists = v.clients[name] != nil
		case string(PrincipalKey):
			exists, err = tx.HExists(ctx, keyAPIKeys, name).Result()
		case PrefixGroup:
			if err := checkGroup(name); err != "" {
				return &InvalidError{"to", fmt.Sprintf("%.100q: a group %s", g.To, err)}
			}
			exists = true
		default:
			return &InvalidError{"to", fmt.Sprintf("must be user:NAME, group:NAME, key:KEY or client:IDENTIFIER; %.100q is none", g.To)}
		}
		if err != nil {
			return err
		}
		if !exists {
			return &InvalidError{"to", fmt.Sprintf("has %.100q, which does not exist", g.To)}
		}
	}
	return nil
}

// PrefixGroup is the kind of a group in FolderGrant.To, before the colon.
const PrefixGroup = "group"

// Bounds of the groups of users, whom every process has in memory.
const (
	MaxGroups = 200 // of one user
	maxGroup  = 128 // bytes of a name
)

// checkGroup says what is wrong with the name of a group; empty: nothing.
func checkGroup(name string) string {
	if name == "" || len(name) > maxGroup || strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }) {
		return fmt.Sprintf("has a name of 1 to %d bytes on one line", maxGroup)
	}
	return ""
}

// BoundGroups returns the groups that a user may be in of those that somebody else names: sorted, each once, without those whose
// name is no name of a group, and at most MaxGroups. dropped is how many are left out.
func BoundGroups(all []string) (groups []string, dropped int) {
	for _, g := range all {
		if checkGroup(g) == "" {
			groups = append(groups, g)
		}
	}
	slices.Sort(groups)
	groups = slices.Compact(groups)
	if len(groups) > MaxGroups {
		groups = groups[:MaxGroups]
	}
	return groups, len(all) - len(groups)
}

// versionOfGrants identifies the content of a folder; empty: it has none.
func versionOfGrants(name string, grants []FolderGrant) string {
	if len(grants) == 0 {
		return ""
	}
	data, _ := json.Marshal(grants) // of texts: cannot fail
	sum := sha256.Sum256(append([]byte(name+"\x00"), data...))
	return hex.EncodeToString(sum[:8])
}

// loadFolders decodes folders by their names. One that cannot be read grants nothing.
func (s *Store) loadFolders(records map[string]string) map[string]*Folder {
	all := make(map[string]*Folder, len(records))
	for field, data := range records {
		f := &Folder{}
		err := json.Unmarshal([]byte(data), f)
		if err == nil && FolderText(f.Name) != field {
			err = errors.New("it is of another folder")
		}
		if err != nil {
			s.config.Log.Error("the rights in a folder cannot be read", "folder", field, "error", err)
			continue
		}
		all[f.Name] = f
	}
	return all
}
