package daemon

import (
	"fmt"
	"io/fs"

	"golang.org/x/sys/windows"
)

// anothers is never so here: ownFolder decides who may enter, whoever owns the folder.
func anothers(fs.FileInfo) bool { return false }

// ownFolder lets nobody but its owner, administrators and the system into a folder, whatever the folder above it
// allows. A socket in it is opened by who may write to it, which it inherits (AF_UNIX on Windows).
func ownFolder(dir string) error {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return fmt.Errorf("find out who runs this: %w", err)
	}
	// Inherited by files and folders (OICI), cut off from above (P): full access (FA) for the system (SY),
	// administrators (BA) and the owner.
	sd, err := windows.SecurityDescriptorFromString("D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;" + user.User.Sid.String() + ")")
	if err != nil {
		return err
	}
	acl, _, err := sd.DACL()
	if err != nil {
		return err
	}
	err = windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, acl, nil)
	if err != nil {
		return fmt.Errorf("keep other users out of %s: %w", dir, err)
	}
	return nil
}
