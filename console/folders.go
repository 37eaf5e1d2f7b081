package console

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

// foldersPage lists the folders in which the user has rights, or sees flows.
func foldersPage(req *requestState) error {
	known, err := req.console.config.Store.Folders().View(req.ctx())
	if err != nil {
		return err
	}
	var rows []view.FolderRow
	for _, name := range known.Folders() {
		row, err := req.folderRow(name)
		if err != nil {
			return err
		}
		if len(row.Rights) > 0 || row.Flows > 0 {
			rows = append(rows, row)
		}
	}
	return req.render(http.StatusOK, view.FoldersPage(req.page("flows", language.T(req.ctx(), "Folders")), rows))
}

// folderRow returns a folder as the user sees it.
func (req *requestState) folderRow(name string) (view.FolderRow, error) {
	row := view.FolderRow{Name: name, Rights: req.who.RightsIn(name), Administers: req.who.MayIn(auth.ScopeFolders, name)}
	for _, h := range req.console.config.Store.Flows().List() {
		if h.Folder == name && req.sees(h.Number) {
			row.Flows++
		}
	}
	if !row.Administers {
		return row, nil
	}
	f, err := req.console.config.Store.Folders().Folder(req.ctx(), name)
	if errors.Is(err, store.ErrNotFound) {
		return row, nil
	}
	if err == nil {
		row.Grants = f.Grants
	}
	return row, err
}

// folderPage shows who has which rights in a folder.
func folderPage(req *requestState) error {
	name, err := store.ParseFolderPath(req.r.PathValue("folder"))
	if err != nil {
		return errNotFound
	}
	row, err := req.folderRow(name)
	if err != nil {
		return err
	}
	if len(row.Rights) == 0 && row.Flows == 0 {
		return errNotFound
	}
	return req.render(http.StatusOK, view.FolderPage(req.page("flows", language.T(req.ctx(), "Folder %s", store.FolderText(name))), row))
}

// changeFolder gives somebody other rights in a folder, or takes them all.
func changeFolder(req *requestState) error {
	name, err := store.ParseFolderPath(req.r.PathValue("folder"))
	if err != nil || len(req.who.RightsIn(name)) == 0 {
		return errNotFound
	}
	if !req.who.MayIn(auth.ScopeFolders, name) {
		return errForbidden
	}
	object := "folder:" + store.FolderText(name)
	req.before = recordBefore{audit.KindFolder, store.FolderText(name), req.recordReader().Read(req.ctx(), audit.KindFolder, store.FolderText(name))}
	grant := store.FolderGrant{To: req.r.PostFormValue("to")}
	if kind := req.r.PostFormValue("kind"); kind != "" {
		grant.To = kind + ":" + strings.TrimSpace(req.r.PostFormValue("name"))
	}
	for _, r := range req.r.PostForm["right"] {
		grant.Rights = append(grant.Rights, store.Right(r))
	}
	_, err = req.console.config.Store.Folders().Change(req.ctx(), name, "", func(before []store.FolderGrant) ([]store.FolderGrant, error) {
		after := slices.DeleteFunc(slices.Clone(before), func(g store.FolderGrant) bool { return g.To == grant.To })
		was := slices.DeleteFunc(slices.Clone(before), func(g store.FolderGrant) bool { return g.To != grant.To })
		if len(grant.Rights) > 0 {
			after = append(after, grant)
		}
		return after, req.who.CheckGrants(name, was, []store.FolderGrant{grant})
	})
	var refused *auth.Error
	if errors.As(err, &refused) {
		err = &fault{http.StatusForbidden, language.Key("Not permitted"), refused.Message}
	}
	if err != nil {
		return err
	}
	req.audit("POST "+Root+"/folders/{folder}", object)
	req.setNotice(language.T(req.ctx(), "The rights of %s in the folder %s were saved.", grant.To, store.FolderText(name)))
	return req.redirect(view.FolderPath(name))
}
