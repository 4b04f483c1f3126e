"""The former place of `smgee.validation.sources.fetch_smap`."""

from smgee.validation.sources import fetch_smap

__all__ = ["fetch_smap"]
