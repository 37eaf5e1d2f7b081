package flows

import (
	"regexp"
	"strings"

	"github.com/penstock/penstock/flows/internal/mistake"
)

// FolderRule says what the name of a folder is like.
const FolderRule = "1 to 4 names with / between them, each of small letters, digits and -, at most 32, that begins with a letter or digit"

var folderForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}(/[a-z0-9][a-z0-9-]{0,31}){0,3}$`)

// ValidFolder reports whether a text names a folder. The top, which is empty, has no name.
func ValidFolder(name string) bool { return folderForm.MatchString(name) }

// InFolder reports whether a folder is another one or below it. Everything is below the top, which is empty.
func InFolder(folder, above string) bool {
	return above == "" || folder == above || strings.HasPrefix(folder, above+"/")
}

// folder reads the folder of the flow.
func (c *compiler) folder(a *Args) {
	name := a.String("folder")
	if !a.Has("folder") {
		return
	}
	if !ValidFolder(name) {
		hint := ""
		if fixed := strings.Trim(strings.ToLower(name), "/"); ValidFolder(fixed) {
			hint = "write " + fixed
		}
		c.Add(mistake.BadName, a.places["folder"], hint, "folder: %q is no folder: expected %s", name, FolderRule)
		return
	}
	c.flow.Folder = name
}
