package admin

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// keepUndos is how many backups are kept of what was there before others were restored.
const keepUndos = 10

// Undo is a folder for backups of what was there before others were restored, and the key that they are sealed with.
type Undo struct {
	Folder string
	// Key answers nil while there is none.
	Key func() []byte
}

func (u Undo) key() []byte {
	if u.Key == nil {
		return nil
	}
	return u.Key()
}

// keep writes a file for its owner alone, durably, and removes the oldest of those before.
func (u Undo) keep(file []byte, at time.Time) (path string, err error) {
	if u.Folder == "" {
		return "", errors.New("there is no folder for it")
	}
	if err := os.MkdirAll(u.Folder, 0o700); err != nil {
		return "", err
	}
	path = filepath.Join(u.Folder, "before-restore-"+at.UTC().Format("20060102-150405.000")+".mcpmux")
	f, err := os.OpenFile(path+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	_, err = f.Write(file)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(path + ".part") // why it is of no use is known
		return "", err
	}
	if err := os.Rename(path+".part", path); err != nil {
		return "", err
	}
	u.sweep()
	return path, nil
}

// sweep removes the oldest; their names sort by their time. One that stays is removed next time.
func (u Undo) sweep() {
	kept, err := filepath.Glob(filepath.Join(u.Folder, "before-restore-*.mcpmux"))
	if err != nil {
		return
	}
	slices.Sort(kept)
	for _, old := range kept[:max(0, len(kept)-keepUndos)] {
		_ = os.Remove(old) // see above
	}
}
