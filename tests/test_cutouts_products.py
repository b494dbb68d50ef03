"""What an image shows, by its header first; words in the name of an object decide nothing."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import point_source
import pytest
from astropy.io import fits

from vlass_explorer import cutouts, validity
from vlass_explorer.cutouts.origin import origin
from vlass_explorer.schema import InputSpec

PIECES = "s13_0/VLASS2/1/se/T10t01/J000200-003000/06/2048/v1/I/iter3"


def filnam(end: str) -> dict[str, str]:
    return {f"FILNAM{i:02d}": piece for i, piece in enumerate(f"{PIECES}/{end}".split("/"), 1)}


@pytest.mark.parametrize(
    "name",
    [
        "alpha_ori_vlass.fits",
        "mask_A2256.fits",
        "model_galaxy_M87.fits",
        "J1234_PB_field.fits",
        "psf_J1234_cutout.fits",
        "residual_halo_A399.fits",
        "rms_J0013-0919_field.fits",
        "Alpha_Cen.fits",
        "NGC_4258_V.fits",
        "beta_pic.fits",
        "image.i.RACS_0000+00.SB8578.cont.taylor.0.restored.fits",
        "RACS-DR1_0000+00A.fits",
        "W51_alpha.fits",
        "VAST_0127-73A.EPOCH01.I.fits",
        "P218+55-mosaic.fits",
        "target-MFS-image-pb.fits",
        "model_galaxy.image.fits",
        "Abell_209_aFix_pol_I_15arcsec.fits",
        "J1234_PB.fits",
        "L765_final-image-pb_cutout.fits",
        "tt1_cluster.fits",
        "beam_north.fits",
    ],
)
def test_words_of_an_object_decide_nothing(name: str) -> None:
    assert cutouts.read(point_source.file(), name).origin.product == "total intensity"


@pytest.mark.parametrize(
    ("name", "product"),
    [
        ("noiseMap.image.i.RACS_0000.SB1.cont.taylor.0.restored.conv.fits", "rms"),
        ("meanMap.image.i.EMU_2118.SB1.cont.taylor.0.restored.conv.fits", "background"),
        ("image.i.EMU_2118.SB1.cont.taylor.1.restored.conv.fits", "tt1"),
        ("weights.i.EMU_2118.SB1.cont.taylor.0.fits", "weights"),
        ("noiseMap.VAST_0012+00A.EPOCH01.I.conv.fits", "rms"),
        ("meanMap.VAST_0012+00A.EPOCH01.I.conv.fits", "background"),
        ("componentResidual.image.i.SB1.cont.taylor.0.restored.fits", "residual"),
        ("target-MFS-residual-pb.fits", "residual"),
        ("target-MFS-model-pb.fits", "model"),
        ("target-MFS-dirty.fits", "dirty"),
        ("target-MFS-Q-image.fits", "stokes QUV"),
        ("target-V-image-pb.fits", "stokes QUV"),
        ("target-XX-image.fits", "XX correlation"),
        ("target-beam-15.fits", "primary beam"),
        ("target-MFS-beam-I.fits", "primary beam"),
        ("target.gridwt.fits", "weights"),
        ("image_full_ampphase_di_m.NS.mask01.fits", "mask"),
        ("residual.i.EMU_2118.SB1.cont.taylor.0.fits", "residual"),
        ("image.v.SB9602.cont.taylor.0.restored.fits", "stokes QUV"),
        ("image.restored.q.SB9602.cont.fits", "stokes QUV"),
        ("VAST_0127-73A.EPOCH01.V.fits", "stokes QUV"),
        ("VAST_0127-73A.EPOCH01.I_rms.fits", "rms"),
        ("VAST_0127-73A.EPOCH01.I_bkg.fits", "background"),
        ("RACS_0635-31_V.fits", "stokes QUV"),
        ("P218+55-mosaic.rms.fits", "rms"),
        ("mosaic-residual.fits", "residual"),
        ("mosaic.resid.fits", "residual"),
        ("target-MFS-psf.fits", "psf"),
        ("target-0003-model.fits", "model"),
        ("target.pb.tt0.fits", "primary beam"),
        ("target.residual.tt0.fits", "residual"),
        ("target.image.tt1.fits", "tt1"),
        ("target.image.tt2.fits", "tt2"),
        ("target.alpha.fits", "alpha"),
        ("target.alpha.error.fits", "alpha"),
        ("target_MASK.fits", "mask"),
        ("x.pybdsf.rmsd_I.fits", "rms"),
        ("x.pybdsf.resid_gaus.fits", "residual"),
        ("residual_bdsf.fits", "residual"),
        ("P0_low-mosaic-blanked-pybdsmmask.fits", "mask"),
        ("FDF_maxPI.fits", "Faraday depth"),
        ("target_polint.fits", "polarised intensity"),
        ("Abell_209_aFix_pol_Q_15arcsec.fits", "stokes QUV"),
    ],
)
def test_products_as_pipelines_name_them(name: str, product: str) -> None:
    cutout = cutouts.read(point_source.file(), name)
    assert cutout.origin.product == product
    assert validity.check(cutout, InputSpec(unit="Jy/beam")).level == "outside"


@pytest.mark.parametrize(
    ("cards", "product"),
    [
        ({"TYPE": "image", **filnam("image/tt1")}, "tt1"),
        ({"TYPE": "alpha", **filnam("alpha"), "BUNIT": " "}, "alpha"),
        ({"TYPE": "image", **filnam("image/tt0")}, "total intensity"),
        ({"BTYPE": "Intensity"}, "total intensity"),
        ({"BTYPE": "Spectral Index"}, "alpha"),
        ({"BTYPE": "polarized_intensity"}, "polarised intensity"),
        ({"BTYPE": "Polarised intensity"}, "polarised intensity"),
        ({"BTYPE": "Rotation Measure", "BUNIT": "rad/m/m"}, "Faraday depth"),
        ({"BTYPE": "Beam"}, "psf"),
        ({"BTYPE": "linpol"}, "polarised intensity"),
        ({"BTYPE": "Polarized flux"}, "polarised intensity"),
        ({"BTYPE": "integrated", "BUNIT": "Jy/beam"}, "integrated intensity"),
        ({"TYPE": "tt1"}, "tt1"),
        ({"EXTNAME": "RMS"}, "rms"),
        ({"STOKES": "V"}, "stokes QUV"),
        ({"STOKES": "I"}, "total intensity"),
        ({"CTYPE3": "PHI", "CRVAL3": 0.0, "CUNIT3": "rad m-2"}, "Faraday depth"),
        ({"HISTORY": "AIPS   IMNAME='3C84' IMCLASS='QCL001' IMSEQ=   1     /"}, "stokes QUV"),
        ({"HISTORY": "COMB   OUTNAME='3C84' OUTCLASS='PPOL'"}, "polarised intensity"),
        ({"HISTORY": "COMB   OPCODE='POLC'"}, "polarised intensity"),
        ({"HISTORY": "exportfits fitsimage = 'a.image.tt1.fits'"}, "tt1"),
        ({"BUNIT": "rad/m^2"}, "Faraday depth"),
        ({"CTYPE3": "FDEP", "CRVAL3": 0.0, "CUNIT3": "rad/m^2"}, "Faraday depth"),
        ({"CTYPE3": "STOKES", "CRVAL3": 1.0, "CRPIX3": 1.0, "CDELT3": 1.0}, "total intensity"),
        ({"CTYPE3": "STOKES", "CRVAL3": 1.0}, "total intensity"),
        ({"CTYPE3": "STOKES", "CRVAL3": -1.0, "CRPIX3": 1.0, "CDELT3": -1.0}, "RR correlation"),
        ({"CTYPE3": "STOKES", "CRVAL3": -5.0, "CRPIX3": 1.0, "CDELT3": -1.0}, "XX correlation"),
        ({"CTYPE3": "STOKES", "CRVAL3": 4.0, "CRPIX3": 1.0, "CDELT3": 1.0}, "stokes QUV"),
        ({"CTYPE3": "STOKES", "CRVAL3": 5.0, "CRPIX3": 1.0, "CDELT3": 1.0}, "polarised intensity"),
        ({"HISTORY": "AIPS   IMNAME='3C84' IMCLASS='POLI  ' IMSEQ=   1     /"}, "polarised intensity"),
        ({"HISTORY": "AIPS   IMNAME='10510+30456E' IMCLASS='COADD' IMSEQ=   1"}, "total intensity"),
        ({"HISTORY": "AIPS   IMNAME='3C84' IMCLASS='IBM001' IMSEQ=   1     /"}, "psf"),
        ({"HISTORY": 'ia.deviation(outfile="VLASS1.1.I.iter1.image.pbcor.tt0.rms")'}, "rms"),
        ({"HISTORY": 'immath(imagename=["Q","U"], mode="poli", outfile="x")'}, "polarised intensity"),
    ],
)
def test_the_header_tells_the_product_under_any_name(cards: dict[str, Any], product: str) -> None:
    pixels = point_source.sky()[None] if "CTYPE3" in cards else None
    cutout = cutouts.read(point_source.file(pixels, **cards), "download.fits")
    assert cutout.origin.product == product
    checked = validity.check(cutout, InputSpec(unit="Jy/beam"))
    assert (checked.level == "outside") == (product != "total intensity")
    if product.endswith("correlation"):
        assert checked.reasons[0] == f"This is a single {product}, not a total-intensity image."


def test_a_rms_image_of_casa_is_told_by_a_history_that_is_broken_into_lines() -> None:
    lines = 'ia.subimage(outfile="VLASS1.1.ql.T06t24.J152614-163000.10.2048.v1.I.iter\n>1.image.pbcor.tt0.rms.subim")'
    told = origin("download.fits", {"HISTORY": lines, "BUNIT": "Jy/beam"}, "Jy/beam")
    assert (told.product, told.survey, told.vlass_epoch) == ("rms", "VLASS", "1.1")


def test_planes_of_a_spectrum_that_obit_fitted_are_told() -> None:
    """Flux density at the reference frequency, spectral index, then the channels at FREQ0001 and on."""
    cards = {"CTYPE3": "SPECLNMF", "CRVAL3": 1.28e9, "CDELT3": 1.0, "CRPIX3": 1.0, "NTERM": 2, "FREQ0001": 0.9e9}
    data = point_source.file(np.stack([point_source.sky()] * 3), **cards)
    planes = [cutouts.read(data, plane=plane).origin for plane in range(3)]
    assert [plane.product for plane in planes] == ["total intensity", "alpha", "total intensity"]
    assert (planes[0].frequency_ghz, planes[2].frequency_ghz) == pytest.approx((1.28, 0.9))


@pytest.mark.parametrize("name", ["MASK", "WHT", "rms"])
def test_what_goes_along_with_an_image_is_not_shown_in_its_place(name: str) -> None:
    stream = BytesIO(point_source.file())
    image = fits.open(stream)[0]
    beside = fits.ImageHDU(np.ones((100, 100), np.int16), name=name)
    made = BytesIO()
    fits.HDUList([fits.PrimaryHDU(), beside, fits.ImageHDU(image.data, image.header, name="SCI")]).writeto(made)
    cutout = cutouts.read(made.getvalue())
    np.testing.assert_array_equal(cutout.pixels, point_source.sky())
    assert any(f"SCI 2 is shown, not {name.upper()} 1" in note for note in cutout.notes)
