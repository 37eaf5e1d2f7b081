package store

import (
	"context"
	"slices"
	"strings"
)

// FolderView is what the store knows of folders at one moment: in which one a flow is, and who has which rights where. It does not
// change. The nil view knows nothing.
type FolderView struct{ snapshot *snapshot }

// View returns what is known now, at most a second old.
func (fs *Folders) View(ctx context.Context) (*FolderView, error) {
	v, err := fs.store.fresh(ctx)
	if err != nil {
		return nil, err
	}
	return &FolderView{v}, nil
}

// Of returns the folder of a flow; false: the flow is not deployed.
func (v *FolderView) Of(flow int64) (folder string, ok bool) {
	if v == nil {
		return "", false
	}
	d := v.snapshot.flows[flow]
	if d == nil {
		return "", false
	}
	return d.Folder, true
}

// FolderRights are rights in one folder.
type FolderRights struct {
	Folder string // empty: the top
	Rights []Right
}

// GrantedTo returns what is granted to a principal, "user:ann", and to groups, by their names, in no particular order. The result
// must not be modified.
func (v *FolderView) GrantedTo(principal string, groups []string) []FolderRights {
	if v == nil || len(v.snapshot.folders) == 0 {
		return nil
	}
	grants := v.snapshot.grants()
	all := grants[principal]
	for _, g := range groups {
		if more := grants[PrefixGroup+":"+g]; more != nil {
			all = append(slices.Clip(all), more...)
		}
	}
	return all
}

// Folders returns the names of all folders that flows are in or in which somebody has rights, and of those that they are in, sorted.
// The top, which is empty, is the first.
func (v *FolderView) Folders() []string {
	all := map[string]bool{"": true}
	add := func(name string) {
		for ; name != "" && !all[name]; name = name[:max(0, strings.LastIndexByte(name, '/'))] {
			all[name] = true
		}
	}
	for _, d := range v.snapshot.flows {
		add(d.Folder)
	}
	for name := range v.snapshot.folders {
		add(name)
	}
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// grantsByWhom returns the grants of all folders by whom they are to.
func grantsByWhom(folders map[string]*Folder) map[string][]FolderRights {
	all := map[string][]FolderRights{}
	for _, f := range folders {
		for _, g := range f.Grants {
			all[g.To] = append(all[g.To], FolderRights{f.Name, g.Rights})
		}
	}
	return all
}
