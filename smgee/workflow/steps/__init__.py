"""The steps of a run, one file each; `smgee.workflow.registry` lists them."""
