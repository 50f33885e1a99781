-- lake/forget_exports · rows of the manifest that name nothing any more
delete from exports
where export in :exports;
