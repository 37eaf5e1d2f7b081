package store

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

func TestFoldersAreSeenByEveryProcess(t *testing.T) {
	t.Parallel()
	ctx, f := t.Context(), newTestFleet(t)
	here, there := f.open(t), f.open(t)
	if _, err := here.Users().Create(ctx, User{Name: "ann", Hash: "h"}); err != nil {
		t.Fatal(err)
	}
	set := func(name, base string, grants ...FolderGrant) (*Folder, error) {
		return here.Folders().Change(ctx, name, base, func([]FolderGrant) ([]FolderGrant, error) { return grants, nil })
	}
	made, err := set("a/b", NoVersion, FolderGrant{"user:ann", []Right{RightRun, RightSee}}, FolderGrant{"group:g", []Right{RightEdit}})
	if err != nil || made.Version == "" || made.Grants[0].To != "group:g" {
		t.Fatalf("%+v, %v", made, err)
	}
	if _, err := set("", "", FolderGrant{"group:g", []Right{RightSee}}); err != nil {
		t.Fatal(err)
	}
	granted := func(s *Store, groups ...string) (all []string) {
		v, err := s.Folders().View(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range v.GrantedTo("user:ann", groups) {
			all = append(all, fmt.Sprint(FolderText(g.Folder), g.Rights))
		}
		slices.Sort(all)
		return all
	}
	want := []string{"/[see]", "a/b[edit]", "a/b[run see]"}
	testenv.Until(t, "the rights in another process", func() bool { return slices.Equal(granted(there, "g", "h"), want) })
	if got := granted(f.open(t), "g"); !slices.Equal(got, want) { // read as a whole
		t.Errorf("%q", got)
	}
	if got := granted(here); !slices.Equal(got, want[2:]) {
		t.Errorf("without the group: %q", got)
	}
	var stale *StaleError
	if _, err := set("a/b", "other"); !errors.As(err, &stale) || stale.Current != made.Version {
		t.Errorf("another version: %v", err)
	}
	if err := here.Users().Delete(ctx, "ann"); err != nil {
		t.Fatal(err)
	}
	testenv.Until(t, "the end of the rights", func() bool { return slices.Equal(granted(there, "g"), want[:2]) })
	if _, err := set("a/b", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := set("a/b", ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("no rights are taken twice: %v", err)
	}
	if all, err := here.Folders().List(ctx); err != nil || len(all) != 1 || all[0].Name != "" {
		t.Errorf("%v, %v", all, err)
	}
}

func TestGroupsAreBounded(t *testing.T) {
	t.Parallel()
	many := []string{"b", "a", "b", "", "new\nline", string(make([]byte, 129))}
	for i := range 300 {
		many = append(many, fmt.Sprintf("g%03d", i))
	}
	groups, dropped := BoundGroups(many)
	if len(groups) != MaxGroups || groups[0] != "a" || groups[1] != "b" || groups[2] != "g000" || dropped != len(many)-MaxGroups {
		t.Errorf("%d groups %q, %d dropped", len(groups), groups[:3], dropped)
	}
	s := newTestFleet(t).open(t)
	if _, err := s.Users().Create(t.Context(), User{Name: "ann", Hash: "h", Groups: many}); err == nil {
		t.Error("a user has more groups than may be")
	}
	u, err := s.Users().Create(t.Context(), User{Name: "ann", Hash: "h", Groups: groups})
	if err != nil || len(u.Groups) != MaxGroups {
		t.Errorf("%v", err)
	}
}

// The rule about folders is asked for the folder that the flow is in when it is written, not when the request began.
func TestAFolderIsDecidedInTheTransaction(t *testing.T) {
	t.Parallel()
	ctx, f := t.Context(), newTestFleet(t)
	here, there := f.open(t), f.openIdle(t)
	parse := func(text string) (string, error) {
		flow, err := there.Flows().Parse("f", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var asked string
		_, err = there.Flows().DeployChange(ctx, flow, Change{May: func(exists bool, from, to string) error {
			asked = fmt.Sprint(exists, from, to)
			if exists && from != "a" {
				return errors.New("not in " + from)
			}
			return nil
		}})
		return asked, err
	}
	flow, err := here.Flows().Parse("f", []byte("flow: 7\nfolder: c\nsteps: [{echo: {}}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := here.Flows().Deploy(ctx, flow); err != nil { // there does not know of it yet
		t.Fatal(err)
	}
	if asked, err := parse("flow: 7\nfolder: a\nsteps: [{echo: {}}]\n"); err == nil || asked != fmt.Sprint(true, "c", "a") {
		t.Errorf("asked %q: %v", asked, err)
	}
	if asked, err := parse("flow: 8\nfolder: a\nsteps: [{echo: {}}]\n"); err != nil || asked != fmt.Sprint(false, "", "a") {
		t.Errorf("asked %q: %v", asked, err)
	}
}

// Rights in folders and second factors wait until no process runs that would lose them, and later ones of that version do not start.
func TestNewRecordsWaitForTheUpgrade(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	s := f.open(t)
	ctx := t.Context()
	if _, err := s.Users().Create(ctx, User{Name: "ann", Hash: "x", Roles: []Role{RoleViewer}}); err != nil {
		t.Fatal(err)
	}
	grant := func() error {
		_, err := s.Folders().Change(ctx, "crm", "", func([]FolderGrant) ([]FolderGrant, error) {
			return []FolderGrant{{To: "user:ann", Rights: []Right{RightSee}}}, nil
		})
		return err
	}
	factor := func() error {
		_, err := s.Users().SetTOTP(ctx, "ann", "secret", nil, time.Now(), func(*User) error { return nil })
		return err
	}
	if _, err := announce(ctx, s.config.Redis, "old", `{"role":"api","host":"h","schema":2}`, time.Minute); err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func() error{"a grant": grant, "a second factor": factor} {
		var invalid *InvalidError
		if err := do(); !errors.As(err, &invalid) || !strings.Contains(err.Error(), "upgrade of api h") {
			t.Errorf("%s beside an older process: %v", name, err)
		}
	}
	if _, err := announce(ctx, s.config.Redis, "old", "", 0); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(grant(), factor()); err != nil {
		t.Errorf("after the upgrade: %v", err)
	}
	if least := s.config.Redis.HGet(ctx, keySchema, "least").Val(); least != strconv.Itoa(Schema) {
		t.Errorf("a process needs schema %s, want %d", least, Schema)
	}
}
