package view

import (
	"context"
	"slices"
	"strings"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/store"
)

// FolderRow is a folder as the user sees it.
type FolderRow struct {
	Name        string              // empty: the top
	Flows       int                 // in the folder itself, of those that the user may read
	Rights      []store.Right       // of the user
	Administers bool                // the user may say who has which rights
	Grants      []store.FolderGrant // nil: none, or the user does not administer the folder
}

// FolderPath is the page of a folder.
func FolderPath(name string) string {
	if name == "" {
		return Root + "/folders/~"
	}
	return Root + "/folders/" + strings.ReplaceAll(name, "/", ".")
}

func (f *FolderRow) has(r store.Right) bool { return slices.Contains(f.Rights, r) }

// rightText describes a right.
type rightText struct {
	Right       store.Right
	Title, Text string
}

func rightTexts(ctx context.Context) []rightText {
	return []rightText{
		{store.RightRun, language.T(ctx, "Run"), language.T(ctx, "runs the flows")},
		{store.RightSee, language.T(ctx, "See"), language.T(ctx, "sees flows, and runs without what they contain")},
		{store.RightPayloads, language.T(ctx, "Payloads"), language.T(ctx, "sees what runs, deliveries and failures contain")},
		{store.RightEdit, language.T(ctx, "Edit"), language.T(ctx, "deploys, rolls back and deletes flows")},
		{store.RightOperate, language.T(ctx, "Operate"), language.T(ctx, "cancels, replays and resumes runs, pauses flows")},
		{store.RightAdminister, language.T(ctx, "Administer"), language.T(ctx, "all of these, and says who has which rights")},
	}
}

func rightNames(ctx context.Context, rights []store.Right) string {
	var names []string
	for _, t := range rightTexts(ctx) {
		if slices.Contains(rights, t.Right) {
			names = append(names, t.Title)
		}
	}
	return strings.Join(names, ", ")
}
