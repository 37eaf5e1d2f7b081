package flow

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
)

// newFile writes files of which a person may edit what a command writes: one that is there is left alone.
type newFile struct {
	force bool // replaces it
}

func (n *newFile) addFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&n.force, "force", false, "replace a file that is there already")
}

// write writes a file. The error names it.
func (n *newFile) write(file string, content []byte) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if n.force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	out, err := os.OpenFile(file, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write %s: it is there already; --force replaces it", file)
	}
	if err == nil {
		_, err = out.Write(content)
		err = errors.Join(err, out.Close())
	}
	if err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	return nil
}
